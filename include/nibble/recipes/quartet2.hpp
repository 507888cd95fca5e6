// SPDX-License-Identifier: Apache-2.0
// Quartet II: nearest rounding everywhere, made unbiased where it matters by MS-EDEN.
#pragma once

#include "nibble/correction/eden.hpp"
#include "nibble/recipe.hpp"
#include "nibble/scaling/clipped.hpp"
#include "nibble/transform/fresh_hadamard.hpp"

namespace nibble::recipes {

namespace quartet2_parts {
using forward = quantizer<nvfp4_block, scaling::four_over_six<>>;
using scale = scaling::clipped<1581, 1600, scaling::tile::row, tensor_scale::current<256>>;
using backward = quantizer<nvfp4_block, scale, rounding::nearest_even,
                           transform::fresh_hadamard<128>, correction::eden<128>>;
}  // namespace quartet2_parts

/// x and W of fprop in 1x16 blocks with 4/6 scales; all four operands of the backward products by
/// MS-EDEN under a rotation of 128 with fresh signs, x and W from the codes that fprop used.
///
/// source  Quartet II, arXiv 2601.22813. Taken: formats, clipping (17/16 * 0.93), rotation, factor,
///         stochastic scales, re-quantized operands. Left out: scales from the amax of the step
///         before (kernels' own economy); ties away from zero, where ours go to even.
struct quartet2 : recipe<operand<quartet2_parts::forward>, operand<quartet2_parts::forward>,
                         operand<quartet2_parts::backward>,
                         operand<quartet2_parts::backward, operand_source::requantized>,
                         operand<quartet2_parts::backward>,
                         operand<quartet2_parts::backward, operand_source::requantized>> {
  static constexpr char const* name = "quartet2";
  static constexpr precision_plan plan{};
};

}  // namespace nibble::recipes
