// SPDX-License-Identifier: Apache-2.0
// Transforms have sizes of 16, 32, 64 and 128.
// expect: got another size; need 16, 32, 64 or 128
#include <nibble/nibble.hpp>

nibble::transform::hadamard<32> h;
#ifdef NIBBLE_BREAK
nibble::transform::hadamard<24> broken;
#endif
