// SPDX-License-Identifier: Apache-2.0
// UFP4: a uniform grid, rotated everywhere.
#include <nibble/recipes/ufp4.hpp>

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include <nibble/fp4_e1m2.hpp>
#include <nibble/tensor_scale/none.hpp>

#include "support/layer.hpp"

using recipe = nibble::recipes::ufp4;

TEST_CASE("ufp4 rotates all six operands and rounds to integers") {
  fixture::recipe_multiplies_within<recipe>(0.3);
  static_assert(recipe::fprop_w::quantizer::transform_type::size == 16);
  static_assert(std::is_same_v<recipe::fprop_x::quantizer::element_type, nibble::int4_element>);
  CHECK(std::string(recipe::name) == "ufp4");
}

TEST_CASE("E1M2 under the same scale is the same codes: the grids differ by a factor of 4") {
  using quarters = nibble::quantizer<nibble::block<nibble::fp4_e1m2, float, 16>,
                                     nibble::scaling::amax<nibble::scaling::tile::row, nibble::tensor_scale::none>>;
  using integers = nibble::quantizer<nibble::block<nibble::int4_element, float, 16>,
                                     nibble::scaling::amax<nibble::scaling::tile::row, nibble::tensor_scale::none>>;
  auto const values = fixture::normal(16, 64, 4);
  CHECK(nibble::quantized(values.view(), quarters{}).code_bytes() ==
        nibble::quantized(values.view(), integers{}).code_bytes());
}
