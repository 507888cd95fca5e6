// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include <nibble/recipes/mxfp4.hpp>

TEST_CASE("mxfp4 has blocks of 32, E8M0 scales and no tensor scale") {
  using recipe = nibble::recipes::mxfp4;
  static_assert(recipe::fprop_x::quantizer::block_type::size == 32);
  static_assert(std::is_same_v<recipe::fprop_w::quantizer::scale_type, nibble::e8m0>);
  static_assert(recipe::fprop_x::quantizer::outer::bound == 0);
  static_assert(recipe::wgrad_x::quantizer::transform_type::size == 32);
  CHECK(std::string(recipe::name) == "mxfp4");
}
