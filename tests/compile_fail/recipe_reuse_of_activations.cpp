// SPDX-License-Identifier: Apache-2.0
// expect: got operand_source::forward for an operand of wgrad, which sums over tokens
#include <nibble/recipes/nvfp4.hpp>

using parts = nibble::recipes::nvfp4;
using x_again = nibble::operand<parts::wgrad_x::quantizer, nibble::operand_source::forward>;
template struct nibble::recipe<parts::fprop_x, parts::fprop_w, parts::dgrad_dy, parts::dgrad_w, parts::wgrad_dy,
                               parts::wgrad_x>;
#ifdef NIBBLE_BREAK
template struct nibble::recipe<parts::fprop_x, parts::fprop_w, parts::dgrad_dy, parts::dgrad_w, parts::wgrad_dy,
                               x_again>;
#endif
