// SPDX-License-Identifier: Apache-2.0
// Blocks and transforms must fit into one another.
// expect: got a block and a transform of which neither divides the other
#include <nibble/nibble.hpp>

template <int Size>
using rotated = nibble::quantizer<nibble::block<nibble::fp4_e2m1, nibble::fp8_e4m3, Size>, nibble::scaling::amax<>,
                                  nibble::rounding::nearest_even, nibble::transform::hadamard<16>>;
static_assert(rotated<32>::group.columns == 32);
#ifdef NIBBLE_BREAK
static_assert(rotated<24>::group.columns == 48);
#endif
