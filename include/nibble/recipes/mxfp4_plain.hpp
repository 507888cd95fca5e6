// SPDX-License-Identifier: Apache-2.0
// MXFP4 training without a Hadamard transform.
#pragma once

#include "nibble/recipes/mxfp4.hpp"

namespace nibble::recipes {

/// As mxfp4, with the operands of wgrad as they are: stochastic gradients, no rotation.
///
/// source  Training LLMs with MXFP4, arXiv 2502.20586, which finds the rotation essential; NVIDIA,
///         arXiv 2509.25149.
struct mxfp4_plain : recipe<mxfp4::fprop_x, mxfp4::fprop_w, mxfp4::dgrad_dy, mxfp4::dgrad_w,
                            operand<mxfp4_parts::gradients>, operand<mxfp4_parts::activations>> {
  static constexpr char const* name = "mxfp4_plain";
  static constexpr precision_plan plan = mxfp4::plan;
};

}  // namespace nibble::recipes
