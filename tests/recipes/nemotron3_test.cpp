// SPDX-License-Identifier: Apache-2.0
// Nemotron 3: which layers its plan keeps out of four bits.
#include <nibble/recipes/nemotron3.hpp>

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include "support/layer.hpp"

using recipe = nibble::recipes::nemotron3;

TEST_CASE("nemotron3 keeps attention in bf16, Mamba's output in MXFP8, the last blocks in bf16") {
  using nibble::layer_precision;
  using nibble::layer_role;
  fixture::recipe_multiplies_within<recipe>(0.3);
  static_assert(recipe::plan.at({layer_role::attention_qkv, 0, 20}) == layer_precision::all_in_16);
  static_assert(recipe::plan.at({layer_role::attention_out, 5, 20}) == layer_precision::all_in_16);
  static_assert(recipe::plan.at({layer_role::mamba_out, 5, 20}) == layer_precision::second);
  static_assert(recipe::plan.at({layer_role::mamba_out, 17, 20}) == layer_precision::all_in_16);
  static_assert(recipe::plan.at({layer_role::mamba_in, 5, 20}) == layer_precision::recipe);
  static_assert(recipe::plan.at({layer_role::feed_forward_down, 16, 20}) == layer_precision::recipe);
  static_assert(std::is_same_v<recipe::second, nibble::recipes::mxfp8>);
  CHECK(std::string(recipe::name) == "nemotron3");
}
