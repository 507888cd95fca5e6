// SPDX-License-Identifier: Apache-2.0
// TetraJet-v2: two levels of scales, aligned operands, gradients that are right on average.
#include <nibble/recipes/tetrajet2.hpp>

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include "support/layer.hpp"

using recipe = nibble::recipes::tetrajet2;

TEST_CASE("tetrajet2 multiplies within the error of its formats, whatever the threads") {
  fixture::recipe_multiplies_within<recipe>(0.3);
  static_assert(recipe::fprop_x::quantizer::outer::shares == nibble::tensor_scale::granularity::block_128);
  static_assert(recipe::wgrad_x::from == nibble::operand_source::requantized);
  CHECK(std::string(recipe::name) == "tetrajet2");
}

TEST_CASE("tetrajet2 is unbiased about the gradients of what fprop computed") {
  fixture::layer_tensors t(64, 32, 64);
  recipe::fprop_x::quantizer const forward{};
  auto const dx = fixture::plain_product(t.dy, false, fixture::through(t.w, forward), true);
  auto const dw = fixture::plain_product(t.dy, true, fixture::through(t.x, forward), true);
  auto const [shrink_dx, shrink_dw] = fixture::shrink_over_steps<recipe>(t, dx, dw, 256);
  CHECK(shrink_dx < 1.25 / 16);
  CHECK(shrink_dw < 1.25 / 16);
}

TEST_CASE("a second level of scales keeps a far quieter part of a row") {
  // 128 columns at 1 and 128 at 2^-16: one tensor scale leaves the second half's blocks no E4M3 scale.
  auto quiet = fixture::normal(4, 256, 9);
  for (int i = 0; i < 4; ++i) {
    for (int j = 128; j < 256; ++j) quiet(i, j) *= 0x1p-20f;
  }
  auto const error_of_quiet_half = [&](auto q) {
    auto const back = fixture::through(quiet, q);
    double error = 0, size = 0;
    for (int i = 0; i < 4; ++i) {
      for (int j = 128; j < 256; ++j) {
        double const e = static_cast<double>(back(i, j)) - static_cast<double>(quiet(i, j));
        error += e * e;
        size += static_cast<double>(quiet(i, j)) * static_cast<double>(quiet(i, j));
      }
    }
    return error / size;
  };
  CHECK(error_of_quiet_half(recipe::fprop_x::quantizer{}) < 0.012);
  CHECK(error_of_quiet_half(nibble::quantizer<>{}) > 0.3);
}
