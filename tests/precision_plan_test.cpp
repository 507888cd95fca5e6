// SPDX-License-Identifier: Apache-2.0
// The plan of a run: by depth, by role, and by step.
#include <nibble/precision_plan.hpp>

#include <doctest/doctest.h>

using namespace nibble;

TEST_CASE("a plan switches all layers at its share of the steps, and not before") {
  constexpr precision_plan plan{.last_percent = 10, .switch_percent = 82};
  constexpr layer_place where{layer_role::feed_forward_up, 3, 20};
  static_assert(plan.at(where, {0, 1000}) == layer_precision::recipe);
  static_assert(plan.at(where, {819, 1000}) == layer_precision::recipe);
  static_assert(plan.at(where, {820, 1000}) == layer_precision::all_in_16);
  static_assert(plan.at({layer_role::feed_forward_up, 19, 20}, {0, 1000}) == layer_precision::all_in_16);
  CHECK(plan.at(where, {819, 1000}) == layer_precision::recipe);
  CHECK(plan.at(where, {820, 1000}) == layer_precision::all_in_16);
  CHECK(plan.at({layer_role::feed_forward_up, 18, 20}, {0, 1000}) == layer_precision::all_in_16);
  CHECK(!plan.has_switched({999, 0}));  // a run without a known end
}

TEST_CASE("a plan may switch the forward pass only") {
  constexpr precision_plan plan{.switch_percent = 82, .switches_forward_only = true};
  static_assert(plan.at({}, {82, 100}) == layer_precision::forward_in_16);
  static_assert(plan.at({}, {81, 100}) == layer_precision::recipe);
  CHECK(plan.at({}, {82, 100}) == layer_precision::forward_in_16);
  CHECK(plan.has_switched({100, 100}));
}

TEST_CASE("without a switch a run never does, not even at its end") {
  CHECK(!precision_plan{}.has_switched({99, 100}));
  CHECK(precision_plan{}.at({}, {99, 100}) == layer_precision::recipe);
}

TEST_CASE("high precision goes before the second recipe, the second before the first") {
  constexpr precision_plan plan{.last_blocks = 1,
                                .roles = roles_of(layer_role::attention_qkv, layer_role::mamba_in),
                                .second_roles = roles_of(layer_role::mamba_out, layer_role::mamba_in)};
  static_assert(roles_of(layer_role::attention_qkv, layer_role::mamba_in) == ((1u << 1) | (1u << 5)));
  CHECK(plan.at({layer_role::mamba_in, 0, 4}) == layer_precision::all_in_16);
  CHECK(plan.at({layer_role::mamba_out, 0, 4}) == layer_precision::second);
  CHECK(plan.at({layer_role::mamba_out, 3, 4}) == layer_precision::all_in_16);
  CHECK(plan.at({layer_role::other, 0, 4}) == layer_precision::recipe);
}
