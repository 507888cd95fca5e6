// SPDX-License-Identifier: Apache-2.0
// Only numbers of less than 16 bits are packed; an array holds floats.
// expect: (is no number type)
#include <nibble/block.hpp>

nibble::packed<nibble::fp4_e2m1, 16> codes{};
#ifdef NIBBLE_BREAK
nibble::packed<float, 16> floats{};
#endif
