// SPDX-License-Identifier: Apache-2.0
// expect: got a transform on one operand of a product only
#include <nibble/recipes/nvfp4.hpp>

using parts = nibble::recipes::nvfp4;
using plain = nibble::operand<nibble::quantizer<>>;
template struct nibble::recipe<parts::fprop_x, parts::fprop_w, parts::dgrad_dy, parts::dgrad_w, parts::wgrad_dy,
                               parts::wgrad_x>;
#ifdef NIBBLE_BREAK
template struct nibble::recipe<parts::fprop_x, parts::fprop_w, parts::dgrad_dy, parts::dgrad_w, parts::wgrad_dy,
                               plain>;
#endif
