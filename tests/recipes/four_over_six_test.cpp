// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include <nibble/recipes/four_over_six.hpp>

TEST_CASE("four_over_six changes the forward operands only") {
  using recipe = nibble::recipes::four_over_six;
  static_assert(recipe::fprop_x::quantizer::outer::bound == 256);
  static_assert(recipe::fprop_w::quantizer::group.rows == 16);
  static_assert(std::is_same_v<recipe::dgrad_dy, nibble::recipes::nvfp4::dgrad_dy>);
  static_assert(std::is_same_v<recipe::wgrad_x, nibble::recipes::nvfp4::wgrad_x>);
  CHECK(std::string(recipe::name) == "four_over_six");
}
