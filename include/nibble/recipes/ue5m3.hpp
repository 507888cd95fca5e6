// SPDX-License-Identifier: Apache-2.0
// NVFP4's elements under a block scale of wider range, which makes the tensor scale superfluous.
#pragma once

#include "nibble/recipe.hpp"
#include "nibble/rounding/stochastic.hpp"
#include "nibble/tensor_scale/fixed.hpp"
#include "nibble/tensor_scale/none.hpp"
#include "nibble/ue5m3.hpp"

namespace nibble::recipes {

namespace ue5m3_parts {
using block = nibble::block<fp4_e2m1, nibble::ue5m3, 16>;
using rows = scaling::amax<scaling::tile::row, tensor_scale::none>;
using activations = quantizer<block, rows>;
using weights = quantizer<block, scaling::amax<scaling::tile::square, tensor_scale::none>>;
using lifted = scaling::amax<scaling::tile::row, tensor_scale::fixed<16384, 1>>;
using gradients = quantizer<block, lifted, rounding::stochastic<>>;
}  // namespace ue5m3_parts

/// UE5M3 scales of 1x16 blocks, 16x16 for weights, nothing around them: no amax pass, no rotation,
/// no layer in bf16; stochastic gradients.
///
/// source  arXiv 2609.02846, 2601.19026, 2509.17791. Taken: the format, no tensor scale, no rotation,
///         no tail in bf16. The largest scale is PTX's 114688, the paper's is 61440; which operands
///         are stochastic, and weights in square tiles, are NVIDIA's choice (arXiv 2509.25149).
///         Gradients are multiplied by a constant 2^14 before their scale is chosen, as by a scaled
///         loss: without it, gradients of a mean over many tokens lie below the smallest scale, 2^-17.
struct ue5m3 : recipe<operand<ue5m3_parts::activations>, operand<ue5m3_parts::weights>,
                      operand<ue5m3_parts::gradients>,
                      operand<ue5m3_parts::weights, operand_source::forward>,
                      operand<ue5m3_parts::gradients>, operand<ue5m3_parts::activations>> {
  static constexpr char const* name = "ue5m3";
  static constexpr precision_plan plan{};
};

}  // namespace nibble::recipes
