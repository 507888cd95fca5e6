// SPDX-License-Identifier: Apache-2.0
// NVFP4 of what is left of activations and gradients once their mean is taken out.
#pragma once

#include "nibble/recipes/nvfp4.hpp"

namespace nibble::recipes {

/// As nvfp4 on x and dy less the means of their columns, which go into the products in FP32, as
/// rank-one terms; no rotation, whose work the split does.
///
/// source  Averis, arXiv 2603.10444. Taken: the mean split and its rank-one epilogue, on x and on dy.
///         Left out: its kernels. Our means are of one call's tokens.
struct averis : recipe<nvfp4::fprop_x, nvfp4::fprop_w, nvfp4::dgrad_dy, nvfp4::dgrad_w,
                       operand<nvfp4_parts::gradients>, operand<nvfp4_parts::activations>> {
  static constexpr char const* name = "averis";
  static constexpr precision_plan plan = nvfp4::plan;
  static constexpr bool splits_mean = true;
};

}  // namespace nibble::recipes
