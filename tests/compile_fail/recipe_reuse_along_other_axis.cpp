// SPDX-License-Identifier: Apache-2.0
// expect: got operand_source::forward for dgrad.s weights
#include <nibble/recipes/nvfp4.hpp>

using parts = nibble::recipes::nvfp4;
using rows = nibble::operand<nibble::quantizer<>>;
using rows_again = nibble::operand<nibble::quantizer<>, nibble::operand_source::forward>;
template struct nibble::recipe<parts::fprop_x, parts::fprop_w, parts::dgrad_dy, parts::dgrad_w, parts::wgrad_dy,
                               parts::wgrad_x>;
#ifdef NIBBLE_BREAK
template struct nibble::recipe<parts::fprop_x, rows, parts::dgrad_dy, rows_again, parts::wgrad_dy,
                               parts::wgrad_x>;
#endif
