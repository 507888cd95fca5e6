// SPDX-License-Identifier: Apache-2.0
// The linear part of TetraJet-v2: two levels of scales, and unbiased backward products.
#pragma once

#include "nibble/recipe.hpp"
#include "nibble/rounding/stochastic.hpp"
#include "nibble/tensor_scale/per_block_128.hpp"
#include "nibble/transform/fresh_hadamard.hpp"

namespace nibble::recipes {

namespace tetrajet2_parts {
using outer = tensor_scale::per_block_128<>;
using forward = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, outer>>;
using headroom = scaling::amax<scaling::tile::row, outer, format::nearest_even, 16, 17>;
using backward =
    quantizer<nvfp4_block, headroom, rounding::stochastic<>, transform::fresh_hadamard<16>>;
}  // namespace tetrajet2_parts

/// 1x16 blocks under an FP32 scale for every 1x128; fprop to nearest; the four backward operands
/// stochastic and rotated, x and W from the numbers that fprop used, so that each backward product
/// is an unbiased estimate of the gradient of what fprop computed.
///
/// source  TetraJet-v2, arXiv 2510.27527. Taken: double block scaling, rotation of both backward
///         products, stochastic rounding of their operands, alignment with fprop. Headroom of 16/17
///         is ours: their scales are floored instead. Left out: OutControl (mixed_channels of this
///         library does it) and OsciReset, which belongs to an optimizer.
struct tetrajet2 : recipe<operand<tetrajet2_parts::forward>, operand<tetrajet2_parts::forward>,
                          operand<tetrajet2_parts::backward>,
                          operand<tetrajet2_parts::backward, operand_source::requantized>,
                          operand<tetrajet2_parts::backward>,
                          operand<tetrajet2_parts::backward, operand_source::requantized>> {
  static constexpr char const* name = "tetrajet2";
  static constexpr precision_plan plan{};
};

}  // namespace nibble::recipes
