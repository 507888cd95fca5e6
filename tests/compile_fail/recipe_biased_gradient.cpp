// SPDX-License-Identifier: Apache-2.0
// expect: got four_over_six with stochastic rounding on a gradient
#include <nibble/recipes/nvfp4.hpp>

using parts = nibble::recipes::nvfp4;
using biased = nibble::operand<nibble::quantizer<nibble::nvfp4_block, nibble::scaling::four_over_six<>,
                                                 nibble::rounding::stochastic<>>>;
template struct nibble::recipe<parts::fprop_x, parts::fprop_w, parts::dgrad_dy, parts::dgrad_w, parts::wgrad_dy,
                               parts::wgrad_x>;
#ifdef NIBBLE_BREAK
template struct nibble::recipe<parts::fprop_x, parts::fprop_w, biased, parts::dgrad_w, parts::wgrad_dy,
                               parts::wgrad_x>;
#endif
