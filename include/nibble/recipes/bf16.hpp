// SPDX-License-Identifier: Apache-2.0
// The baseline: every operand rounded to bf16.
#pragma once

#include "nibble/recipe.hpp"

namespace nibble::recipes {

/// No quantization: bf16 operands, FP32 sums.
struct bf16
    : recipe<bf16_operand, bf16_operand, bf16_operand, bf16_operand, bf16_operand, bf16_operand> {
  static constexpr char const* name = "bf16";
  static constexpr precision_plan plan{};
};

}  // namespace nibble::recipes
