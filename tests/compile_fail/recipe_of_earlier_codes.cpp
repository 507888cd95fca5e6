// SPDX-License-Identifier: Apache-2.0
// The first use of a tensor has no earlier codes to start from.
// expect: got an operand of fprop, or dgrad's gradient, that is made from earlier codes
#include <nibble/recipes/nvfp4.hpp>

using parts = nibble::recipes::nvfp4;
using again = nibble::operand<parts::fprop_x::quantizer, nibble::operand_source::requantized>;
template struct nibble::recipe<parts::fprop_x, parts::fprop_w, parts::dgrad_dy, parts::dgrad_w, parts::wgrad_dy,
                               parts::wgrad_x>;
#ifdef NIBBLE_BREAK
template struct nibble::recipe<again, parts::fprop_w, parts::dgrad_dy, parts::dgrad_w, parts::wgrad_dy,
                               parts::wgrad_x>;
#endif
