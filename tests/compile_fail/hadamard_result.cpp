// SPDX-License-Identifier: Apache-2.0
// A transform leaves floats, or rounds to bf16; another result has no defined bits.
// expect: got another result type; need float or nibble::bf16
#include <nibble/nibble.hpp>

nibble::transform::hadamard<16, nibble::bf16> h;
#ifdef NIBBLE_BREAK
nibble::transform::hadamard<16, double> broken;
#endif
