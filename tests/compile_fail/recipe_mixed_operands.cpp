// SPDX-License-Identifier: Apache-2.0
// expect: got a product of two operands with different blocks
#include <nibble/recipes/nvfp4.hpp>

using parts = nibble::recipes::nvfp4;

template struct nibble::recipe<parts::fprop_x, parts::fprop_w, parts::dgrad_dy, parts::dgrad_w, parts::wgrad_dy,
                               parts::wgrad_x>;
#ifdef NIBBLE_BREAK
template struct nibble::recipe<parts::fprop_x, nibble::bf16_operand, parts::dgrad_dy,
                               nibble::bf16_operand, parts::wgrad_dy, parts::wgrad_x>;
#endif
