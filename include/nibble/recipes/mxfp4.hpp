// SPDX-License-Identifier: Apache-2.0
// MXFP4 training as NVIDIA's paper sets it against NVFP4.
#pragma once

#include "nibble/recipe.hpp"
#include "nibble/rounding/stochastic.hpp"
#include "nibble/scaling/power_of_two.hpp"
#include "nibble/transform/random_hadamard.hpp"

namespace nibble::recipes {

namespace mxfp4_parts {
using scale = scaling::power_of_two<scaling::exponent_rule::round_up>;
using rotation = transform::random_hadamard<32, nibble::bf16>;
using activations = quantizer<mxfp4_block, scale>;
using gradients = quantizer<mxfp4_block, scale, rounding::stochastic<>>;
using wgrad_gradients = quantizer<mxfp4_block, scale, rounding::stochastic<>, rotation>;
using wgrad_activations = quantizer<mxfp4_block, scale, rounding::nearest_even, rotation>;
}  // namespace mxfp4_parts

/// Blocks of 32 with power-of-two scales rounded up, weights in 1x32 blocks of either direction;
/// otherwise as nvfp4: stochastic gradients, Hadamard transforms of 32 for wgrad, the last 15 % in
/// bf16.
///
/// source  NVIDIA, arXiv 2509.25149, section 5; OCP MX 1.0.
struct mxfp4
    : recipe<operand<mxfp4_parts::activations>, operand<mxfp4_parts::activations>,
             operand<mxfp4_parts::gradients>, operand<mxfp4_parts::activations>,
             operand<mxfp4_parts::wgrad_gradients>, operand<mxfp4_parts::wgrad_activations>> {
  static constexpr char const* name = "mxfp4";
  static constexpr precision_plan plan{.last_percent = 15};
};

}  // namespace nibble::recipes
