// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include <nibble/recipes/bf16.hpp>

TEST_CASE("every operand of bf16 stays in high precision") {
  using recipe = nibble::recipes::bf16;
  static_assert(!recipe::fprop_x::is_quantized && !recipe::wgrad_dy::is_quantized);
  CHECK(std::string(recipe::name) == "bf16");
}
