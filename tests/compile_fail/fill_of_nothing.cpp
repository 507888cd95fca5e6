// SPDX-License-Identifier: Apache-2.0
// The largest value of a block must land somewhere above zero.
// expect: got a fill of 0 or less; need a fraction
#include <nibble/nibble.hpp>

template <int Numerator>
using filled = nibble::scaling::amax<nibble::scaling::tile::row, nibble::tensor_scale::current<>,
                                     nibble::format::nearest_even, Numerator, 17>;
filled<16> q;
#ifdef NIBBLE_BREAK
filled<0> broken;
#endif
