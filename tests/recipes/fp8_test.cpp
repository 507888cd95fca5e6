// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include <nibble/recipes/fp8.hpp>

TEST_CASE("fp8 has 128x128 tiles of weights, 1x128 blocks elsewhere and FP32 scales") {
  using recipe = nibble::recipes::fp8;
  static_assert(recipe::fprop_w::quantizer::group.rows == 128 && recipe::fprop_w::quantizer::group.columns == 128);
  static_assert(recipe::dgrad_w::from == nibble::operand_source::forward);
  static_assert(recipe::fprop_x::quantizer::group.rows == 1 && recipe::wgrad_x::quantizer::group.columns == 128);
  static_assert(std::is_same_v<recipe::dgrad_dy::quantizer::scale_type, float>);
  static_assert(!recipe::dgrad_dy::quantizer::rounding_type::is_stochastic);
  CHECK(std::string(recipe::name) == "fp8");
}
