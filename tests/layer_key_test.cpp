// SPDX-License-Identifier: Apache-2.0
// The streams of a layer: operands apart, signs shared by the two operands of a product.
#include <nibble/layer_key.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include <nibble/nibble.hpp>

using namespace nibble;

TEST_CASE("no operand and no product's signs share a stream") {
  std::vector<std::uint64_t> streams;
  for (std::uint32_t layer : {0u, 1u, 65535u}) {
    for (std::uint64_t step : {0ull, 1ull, (1ull << 40) - 1}) {
      layer_key const key{1, layer, step};
      for (std::uint32_t role = 0; role < 6; ++role) {
        streams.push_back(key.source(static_cast<operand_role>(role)).stream);
      }
      for (std::uint32_t p = 0; p < 3; ++p) {
        streams.push_back(key.signs(static_cast<layer_product>(p)).stream);
      }
    }
  }
  std::sort(streams.begin(), streams.end());
  CHECK(std::adjacent_find(streams.begin(), streams.end()) == streams.end());
  CHECK(streams.size() == 81);
}

TEST_CASE("each pair of operands belongs to one product") {
  static_assert(product_of(operand_role::fprop_x) == layer_product::fprop);
  static_assert(product_of(operand_role::fprop_w) == layer_product::fprop);
  static_assert(product_of(operand_role::dgrad_dy) == layer_product::dgrad);
  static_assert(product_of(operand_role::dgrad_w) == layer_product::dgrad);
  static_assert(product_of(operand_role::wgrad_dy) == layer_product::wgrad);
  CHECK(product_of(operand_role::wgrad_x) == layer_product::wgrad);
}

TEST_CASE("keyed sets what a quantizer draws, and nothing else") {
  layer_key const key{9, 2, 5};
  using plain = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even, transform::random_hadamard<>>;
  CHECK(keyed<plain>(key, operand_role::wgrad_x).transform.signs[0] == 0xD7E8u);
  using drawing = quantizer<nvfp4_block, scaling::amax<>, rounding::stochastic<>,
                            transform::fresh_hadamard<16>, correction::none>;
  auto const q = keyed<drawing>(key, operand_role::dgrad_dy);
  CHECK(q.rounding.source.stream == key.source(operand_role::dgrad_dy).stream);
  CHECK(q.rounding.source.seed == 9);
  CHECK(q.transform.signs[0] ==
        transform::fresh_hadamard<16>::drawn(key.signs(layer_product::dgrad)).signs[0]);
}
