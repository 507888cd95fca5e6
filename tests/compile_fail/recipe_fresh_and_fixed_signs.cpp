// SPDX-License-Identifier: Apache-2.0
// expect: got a transform on one operand of a product only
#include <nibble/recipes/quartet2.hpp>

// One operand with fresh signs and one with the fixed ones: they would not cancel.
using parts = nibble::recipes::quartet2;
using fixed = nibble::operand<nibble::quantizer<
    nibble::nvfp4_block, nibble::recipes::quartet2_parts::scale, nibble::rounding::nearest_even,
    nibble::transform::random_hadamard<128>, nibble::correction::eden<128>>>;
template struct nibble::recipe<parts::fprop_x, parts::fprop_w, parts::dgrad_dy, parts::dgrad_w, parts::wgrad_dy,
                               parts::wgrad_x>;
#ifdef NIBBLE_BREAK
template struct nibble::recipe<parts::fprop_x, parts::fprop_w, parts::dgrad_dy, parts::dgrad_w, parts::wgrad_dy,
                               fixed>;
#endif
