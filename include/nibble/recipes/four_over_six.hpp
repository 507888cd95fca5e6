// SPDX-License-Identifier: Apache-2.0
// NVIDIA's recipe with the Four Over Six choice of scales in the forward pass.
#pragma once

#include "nibble/recipes/nvfp4.hpp"

namespace nibble::recipes {

namespace four_over_six_parts {
using activations = quantizer<nvfp4_block, scaling::four_over_six<>>;
using weights =
    quantizer<nvfp4_block, scaling::four_over_six<scaling::squared_error, scaling::tile::square>>;
}  // namespace four_over_six_parts

/// As nvfp4, with x and W of fprop, and so W of dgrad, scaled by four_over_six. Gradients keep
/// scaling::amax: stochastic rounding under a scale chosen for nearest rounding is biased.
///
/// source  Four Over Six, arXiv 2512.02010; NVIDIA, arXiv 2509.25149.
struct four_over_six
    : recipe<operand<four_over_six_parts::activations>, operand<four_over_six_parts::weights>,
             nvfp4::dgrad_dy, operand<four_over_six_parts::weights, operand_source::forward>,
             nvfp4::wgrad_dy, nvfp4::wgrad_x> {
  static constexpr char const* name = "four_over_six";
  static constexpr precision_plan plan = nvfp4::plan;
};

}  // namespace nibble::recipes
