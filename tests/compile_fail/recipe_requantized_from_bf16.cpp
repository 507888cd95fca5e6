// SPDX-License-Identifier: Apache-2.0
// expect: got operand_source::requantized for an operand that the earlier product kept in bf16
#include <nibble/recipes/nvfp4.hpp>

using parts = nibble::recipes::nvfp4;
using again = nibble::operand<parts::wgrad_x::quantizer, nibble::operand_source::requantized>;
template struct nibble::recipe<parts::fprop_x, parts::fprop_w, parts::dgrad_dy, parts::dgrad_w, parts::wgrad_dy,
                               again>;
#ifdef NIBBLE_BREAK
template struct nibble::recipe<nibble::bf16_operand, nibble::bf16_operand, nibble::bf16_operand,
                               nibble::bf16_operand, parts::wgrad_dy, again>;
#endif
