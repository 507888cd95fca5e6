// SPDX-License-Identifier: Apache-2.0
// A uniform grid instead of E2M1, which a rotation makes the better one.
#pragma once

#include "nibble/int4_element.hpp"
#include "nibble/recipe.hpp"
#include "nibble/rounding/stochastic.hpp"
#include "nibble/transform/random_hadamard.hpp"

namespace nibble::recipes {

namespace ufp4_parts {
using block = nibble::block<int4_element, fp8_e4m3, 16>;
using rotation = transform::random_hadamard<16>;
using nearest = quantizer<block, scaling::amax<>, rounding::nearest_even, rotation>;
using stochastic = quantizer<block, scaling::amax<>, rounding::stochastic<>, rotation>;
}  // namespace ufp4_parts

/// Integers from -7 to 7 (E1M2 but for a factor) under NVFP4's scales, all six operands rotated along
/// the dimension that their product sums over; stochastic gradients.
///
/// source  UFP4, arXiv 2606.20381. Taken: the uniform grid, the rotation of all three products. The
///         rotation's size and stochastic gradients are NVIDIA's (arXiv 2509.25149). A rotated
///         weight has no square tiles: it is quantized in 1x16 blocks of either direction.
struct ufp4 : recipe<operand<ufp4_parts::nearest>, operand<ufp4_parts::nearest>,
                     operand<ufp4_parts::stochastic>, operand<ufp4_parts::nearest>,
                     operand<ufp4_parts::stochastic>, operand<ufp4_parts::nearest>> {
  static constexpr char const* name = "ufp4";
  static constexpr precision_plan plan{.last_percent = 15};
};

}  // namespace nibble::recipes
