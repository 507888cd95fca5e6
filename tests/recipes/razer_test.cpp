// SPDX-License-Identifier: Apache-2.0
// RaZeR: the remapped zero through the products that use it.
#include <nibble/recipes/razer.hpp>

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include "support/layer.hpp"

using recipe = nibble::recipes::razer;

TEST_CASE("razer multiplies within the error of its formats, whatever the threads") {
  fixture::recipe_multiplies_within<recipe>(0.3);
  static_assert(std::is_same_v<recipe::wgrad_dy, nibble::recipes::nvfp4::wgrad_dy>);
  CHECK(std::string(recipe::name) == "razer");
}

TEST_CASE("a special value never makes a matrix worse than plain NVFP4, and mostly better") {
  auto const values = fixture::normal(64, 64, 4);
  auto const loss = [&](auto q) {
    return nibble::compare(values.view(), nibble::quantized(values.view(), q).view(), q).relative_mse();
  };
  CHECK(loss(recipe::fprop_x::quantizer{}) < 0.97 * loss(nibble::quantizer<>{}));
}
