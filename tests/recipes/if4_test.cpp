// SPDX-License-Identifier: Apache-2.0
// IF4: blocks of two grids through all three products.
#include <nibble/recipes/if4.hpp>

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include "support/layer.hpp"

using recipe = nibble::recipes::if4;

TEST_CASE("if4 multiplies within the error of its formats, whatever the threads") {
  fixture::recipe_multiplies_within<recipe>(0.3);
  static_assert(nibble::is_adaptive<recipe::fprop_x::quantizer::block_type>);
  static_assert(recipe::dgrad_w::from == nibble::operand_source::forward);
  CHECK(std::string(recipe::name) == "if4");
}

TEST_CASE("the transposed tiles of dgrad keep the flag of their scale") {
  // Normal numbers, for which tiles of 256 choose E2M1, and evenly spread ones, for which integers.
  auto w = fixture::normal(48, 32, 8);
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 32; ++j) w(i, j) = static_cast<float>((i * 37 + j * 59) % 101 - 50) / 20;
  }
  recipe::fprop_w::quantizer const q{};
  auto const once = nibble::quantized(w.view(), q);
  auto const turned = nibble::transpose_tiles<recipe::fprop_w::quantizer>(once.view());
  auto const direct = nibble::quantized(nibble::transposed(w.view()), q);
  CHECK(turned.code_bytes() == direct.code_bytes());
  int tagged = 0;
  for (int i = 0; i < 32; ++i) {
    for (int b = 0; b < 3; ++b) {
      CHECK(turned.view().scale(i, b).bits() == direct.view().scale(i, b).bits());
      tagged += turned.view().scale(i, b).tag();
    }
  }
  CHECK(tagged > 0);
  CHECK(tagged < 96);
}
