// SPDX-License-Identifier: Apache-2.0
// Each block the better of two grids: E2M1 or integers, told apart by the sign of its scale.
#pragma once

#include "nibble/recipes/nvfp4.hpp"

namespace nibble::recipes {

namespace if4_parts {
using activations = quantizer<if4_block, scaling::adaptive<>>;
using weights =
    quantizer<if4_block, scaling::adaptive<scaling::squared_error, scaling::tile::square>>;
using wgrad_activations =
    quantizer<if4_block, scaling::adaptive<>, rounding::nearest_even, nvfp4_parts::rotation>;
}  // namespace if4_parts

/// As nvfp4, with x and W in if4_block; gradients stay NVFP4, because the choice of a grid is made
/// for nearest rounding.
///
/// source  IF4, arXiv 2603.28765 (MixFP4, arXiv 2605.31035, is the same format). Taken: grids, flag,
///         choice by squared error. Left out: gradients in the format; integers are sign and
///         magnitude here, two's complement there.
struct if4 : recipe<operand<if4_parts::activations>, operand<if4_parts::weights>, nvfp4::dgrad_dy,
                    operand<if4_parts::weights, operand_source::forward>, nvfp4::wgrad_dy,
                    operand<if4_parts::wgrad_activations>> {
  static constexpr char const* name = "if4";
  static constexpr precision_plan plan = nvfp4::plan;
};

}  // namespace nibble::recipes
