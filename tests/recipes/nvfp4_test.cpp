// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include <nibble/recipes/nvfp4.hpp>

TEST_CASE("nvfp4 is NVIDIA's table of operands") {
  using recipe = nibble::recipes::nvfp4;
  static_assert(recipe::fprop_x::quantizer::group.rows == 1 && recipe::fprop_x::quantizer::transform_type::size == 1);
  static_assert(recipe::fprop_w::quantizer::group.rows == 16);
  static_assert(recipe::dgrad_w::from == nibble::operand_source::forward);
  static_assert(recipe::dgrad_dy::quantizer::rounding_type::is_stochastic && recipe::dgrad_dy::quantizer::transform_type::size == 1);
  static_assert(recipe::wgrad_dy::quantizer::rounding_type::is_stochastic && recipe::wgrad_dy::quantizer::transform_type::size == 16);
  static_assert(!recipe::wgrad_x::quantizer::rounding_type::is_stochastic && recipe::wgrad_x::quantizer::transform_type::size == 16);
  static_assert(recipe::wgrad_x::quantizer{}.transform.signs[0] == 0xD7E8u);
  CHECK(std::string(recipe::name) == "nvfp4");
}
