// SPDX-License-Identifier: Apache-2.0
// UE5M3 scales: no amax of the tensor takes part.
#include <nibble/recipes/ue5m3.hpp>

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include "support/layer.hpp"

using recipe = nibble::recipes::ue5m3;

TEST_CASE("ue5m3 multiplies within the error of its formats, whatever the threads") {
  fixture::recipe_multiplies_within<recipe>(0.3);
  static_assert(recipe::fprop_x::quantizer::outer::shares == nibble::tensor_scale::granularity::none);
  static_assert(recipe::dgrad_dy::quantizer::rounding_type::is_stochastic);
  static_assert(recipe::plan.last_percent == 0);
  CHECK(std::string(recipe::name) == "ue5m3");
}

TEST_CASE("a UE5M3 scale spans what an E4M3 scale needs a tensor scale for") {
  for (float const size : {1.0f, 0x1p-12f, 0x1p12f}) {
    auto const values = fixture::normal(8, 64, 4, size);
    auto const q = recipe::fprop_x::quantizer{};
    auto const report = nibble::compare(values.view(), nibble::quantized(values.view(), q).view(), q);
    CHECK(report.sqnr_db() > 19.5);
  }
}
