// SPDX-License-Identifier: Apache-2.0
// MXFP4 without a Hadamard transform.
#include <nibble/recipes/mxfp4_plain.hpp>

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include "support/layer.hpp"

using recipe = nibble::recipes::mxfp4_plain;

TEST_CASE("mxfp4_plain is mxfp4 without the rotation") {
  using rotated = nibble::recipes::mxfp4;
  fixture::recipe_multiplies_within<recipe>(0.35);
  static_assert(std::is_same_v<recipe::fprop_x, rotated::fprop_x>);
  static_assert(recipe::wgrad_dy::quantizer::transform_type::size == 1);
  static_assert(rotated::wgrad_dy::quantizer::transform_type::size == 32);
  static_assert(recipe::wgrad_dy::quantizer::rounding_type::is_stochastic);
  CHECK(std::string(recipe::name) == "mxfp4_plain");
}
