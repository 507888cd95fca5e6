// SPDX-License-Identifier: Apache-2.0
// MXFP8: what recipes keep their sensitive layers in.
#pragma once

#include "nibble/recipe.hpp"
#include "nibble/scaling/power_of_two.hpp"

namespace nibble::recipes {

namespace mxfp8_parts {
using rows = quantizer<mxfp8_block, scaling::power_of_two<scaling::exponent_rule::round_up>>;
}  // namespace mxfp8_parts

/// E4M3 elements in blocks of 32 with power-of-two scales rounded up, nearest rounding, for all six
/// operands.
///
/// source  OCP MX 1.0; Recipes for pre-training LLMs with MXFP8, arXiv 2506.08027.
struct mxfp8
    : recipe<operand<mxfp8_parts::rows>, operand<mxfp8_parts::rows>, operand<mxfp8_parts::rows>,
             operand<mxfp8_parts::rows>, operand<mxfp8_parts::rows>, operand<mxfp8_parts::rows>> {
  static constexpr char const* name = "mxfp8";
  static constexpr precision_plan plan{};
};

}  // namespace nibble::recipes
