// SPDX-License-Identifier: Apache-2.0
// NVIDIA's recipe for pretraining in NVFP4.
#pragma once

#include "nibble/recipe.hpp"
#include "nibble/rounding/stochastic.hpp"
#include "nibble/transform/random_hadamard.hpp"

namespace nibble::recipes {

namespace nvfp4_parts {
using activations = quantizer<>;
using weights = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using gradients = quantizer<nvfp4_block, scaling::amax<>, rounding::stochastic<>>;
using rotation = transform::random_hadamard<16, nibble::bf16>;
using wgrad_gradients = quantizer<nvfp4_block, scaling::amax<>, rounding::stochastic<>, rotation>;
using wgrad_activations = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even, rotation>;
}  // namespace nvfp4_parts

/// x in 1x16 blocks to nearest; W in 16x16 tiles to nearest, so that fprop and dgrad see the same
/// numbers; dy stochastic; both operands of wgrad rotated by a random Hadamard transform along
/// tokens; the last 15 % of the blocks in bf16.
///
/// source  NVIDIA, arXiv 2509.25149, section 4 and appendix A.
struct nvfp4
    : recipe<operand<nvfp4_parts::activations>, operand<nvfp4_parts::weights>,
             operand<nvfp4_parts::gradients>,
             operand<nvfp4_parts::weights, operand_source::forward>,
             operand<nvfp4_parts::wgrad_gradients>, operand<nvfp4_parts::wgrad_activations>> {
  static constexpr char const* name = "nvfp4";
  static constexpr precision_plan plan{.last_percent = 15};
};

}  // namespace nibble::recipes
