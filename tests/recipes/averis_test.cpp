// SPDX-License-Identifier: Apache-2.0
// Averis: the mean split, exact but for the quantization of what is left.
#include <nibble/recipes/averis.hpp>

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include <nibble/recipes/bf16.hpp>

#include "support/layer.hpp"

using recipe = nibble::recipes::averis;

namespace {

/// Tensors whose columns have means well above their spread.
fixture::layer_tensors biased() {
  fixture::layer_tensors t;
  auto const x_means = fixture::normal(1, t.inputs, 21, 3), dy_means = fixture::normal(1, t.outputs, 22, 0x1p-11f);
  for (int i = 0; i < t.tokens; ++i) {
    for (int j = 0; j < t.inputs; ++j) t.x(i, j) += x_means(0, j);
    for (int j = 0; j < t.outputs; ++j) t.dy(i, j) += dy_means(0, j);
  }
  return t;
}

template <class Recipe>
fixture::layer_errors errors_of_biased() {
  auto t = biased();
  t.run<Recipe>();
  return {fixture::relative_error(t.y.values, fixture::plain_product(t.x, false, t.w, false)),
          fixture::relative_error(t.dx.values, fixture::plain_product(t.dy, false, t.w, true)),
          fixture::relative_error(t.dw.values, fixture::plain_product(t.dy, true, t.x, true))};
}

struct unquantized : nibble::recipes::bf16 {
  static constexpr bool splits_mean = true;
};

}  // namespace

TEST_CASE("averis multiplies within the error of its formats, whatever the threads") {
  fixture::recipe_multiplies_within<recipe>(0.3);
  CHECK(std::string(recipe::name) == "averis");
}

TEST_CASE("the rank-one terms put back exactly what the split took out") {
  // With operands in bf16 nothing is left but their rounding.
  auto const split = errors_of_biased<unquantized>();
  CHECK(split.y < 0.003);
  CHECK(split.dx < 0.003);
  CHECK(split.dw < 0.003);
}

TEST_CASE("of tensors with a strong mean the split leaves less error in every product") {
  auto const split = errors_of_biased<recipe>();
  auto const whole = errors_of_biased<nibble::recipes::nvfp4>();
  CHECK(split.y < 0.8 * whole.y);
  CHECK(split.dx < 0.8 * whole.dx);
  CHECK(split.dw < 0.6 * whole.dw);
}
