// SPDX-License-Identifier: Apache-2.0
// StableFP4: one quantization a tensor, the same numbers in both of its products.
#include <nibble/recipes/stable_fp4.hpp>

#include <doctest/doctest.h>

#include <string>

#include "support/layer.hpp"

using recipe = nibble::recipes::stable_fp4;

TEST_CASE("stable_fp4 multiplies within the error of its formats, whatever the threads") {
  fixture::recipe_multiplies_within<recipe>(0.35);
  static_assert(recipe::plan.at({nibble::layer_role::attention_qkv, 0, 4}) == nibble::layer_precision::second);
  CHECK(std::string(recipe::name) == "stable_fp4");
}

TEST_CASE("stable_fp4 multiplies the same numbers of a tensor in both of its products") {
  nibble::layer_key const key{7, 3, 11};
  fixture::layer_tensors t;
  t.run<recipe>(key);
  recipe::fprop_x::quantizer const q{};
  auto const dy_q =
      nibble::keyed<recipe::dgrad_dy::quantizer>(key, nibble::operand_role::dgrad_dy);
  auto const x = fixture::through(t.x, q), w = fixture::through(t.w, q), dy = fixture::through(t.dy, dy_q);
  CHECK(fixture::relative_error(t.y.values, fixture::plain_product(x, false, w, false)) < 1e-6);
  CHECK(fixture::relative_error(t.dx.values, fixture::plain_product(dy, false, w, true)) < 1e-6);
  CHECK(fixture::relative_error(t.dw.values, fixture::plain_product(dy, true, x, true)) < 1e-6);
}
