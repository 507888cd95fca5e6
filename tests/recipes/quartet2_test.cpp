// SPDX-License-Identifier: Apache-2.0
// Quartet II: its operands, from which codes they come, and that its gradients are right on average.
#include <nibble/recipes/quartet2.hpp>

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include "support/layer.hpp"

using recipe = nibble::recipes::quartet2;

TEST_CASE("quartet2 multiplies within the error of its formats, whatever the threads") {
  fixture::recipe_multiplies_within<recipe>(0.2);
  CHECK(std::string(recipe::name) == "quartet2");
}

TEST_CASE("quartet2 goes back from the codes of fprop, rotated anew, both operands by the same signs") {
  using nibble::operand_role;
  nibble::layer_key const key{7, 3, 11};
  fixture::layer_tensors t(128, 64, 128);
  t.run<recipe>(key);
  recipe::fprop_w::quantizer const forward{};
  auto const w_hat = fixture::through(t.w, forward);
  auto const dy_q = nibble::keyed<recipe::dgrad_dy::quantizer>(key, operand_role::dgrad_dy);
  auto const w_q = nibble::keyed<recipe::dgrad_w::quantizer>(key, operand_role::dgrad_w);
  for (int i = 0; i < 4; ++i) CHECK(dy_q.transform.signs[i] == w_q.transform.signs[i]);
  CHECK(dy_q.transform.signs[0] !=
        nibble::keyed<recipe::wgrad_dy::quantizer>(key, operand_role::wgrad_dy).transform.signs[0]);
  CHECK(dy_q.correction.source.stream != w_q.correction.source.stream);
  fixture::matrix<> expected(128, 64);
  nibble::matmul<nibble::product::exact>(
      nibble::quantized(t.dy.view(), dy_q).view(), dy_q,
      nibble::quantized(nibble::transposed(w_hat.view()), w_q).view(), w_q, expected.view());
  CHECK(expected.values == t.dx.values);
}

TEST_CASE("quartet2 is unbiased about the gradients of what fprop computed") {
  fixture::layer_tensors t(128, 32, 128);
  recipe::fprop_x::quantizer const forward{};
  auto const dx = fixture::plain_product(t.dy, false, fixture::through(t.w, forward), true);
  auto const dw = fixture::plain_product(t.dy, true, fixture::through(t.x, forward), true);
  // 256 steps: an unbiased mean has 1/16 of the error of one.
  auto const [shrink_dx, shrink_dw] = fixture::shrink_over_steps<recipe>(t, dx, dw, 256);
  CHECK(shrink_dx < 1.25 / 16);
  CHECK(shrink_dw < 1.25 / 16);
}
