// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <nibble/recipe.hpp>
#include <nibble/rounding/stochastic.hpp>
#include <nibble/transform/random_hadamard.hpp>

namespace {

using nibble::layer_place;
using nibble::layer_role;
using nibble::precision_plan;

// The checks themselves; that a recipe stops at them is tests/compile_fail's.
using rows = nibble::operand<nibble::quantizer<>>;
using rotated = nibble::operand<nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<>,
                                                  nibble::rounding::nearest_even,
                                                  nibble::transform::random_hadamard<>>>;
using tiles_quantizer = nibble::quantizer<nibble::nvfp4_block,
                                          nibble::scaling::amax<nibble::scaling::tile::square>>;
using tiles = nibble::operand<tiles_quantizer>;
using tiles_again = nibble::operand<tiles_quantizer, nibble::operand_source::forward>;
using rows_again = nibble::operand<nibble::quantizer<>, nibble::operand_source::forward>;
using biased = nibble::operand<nibble::quantizer<nibble::nvfp4_block, nibble::scaling::four_over_six<>,
                                                 nibble::rounding::stochastic<>>>;
using unbiased = nibble::operand<nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<>,
                                                   nibble::rounding::stochastic<>>>;

static_assert(nibble::detail::blocks_match<rows, tiles>());
static_assert(!nibble::detail::blocks_match<rows, nibble::bf16_operand>());
static_assert(nibble::detail::blocks_match<nibble::bf16_operand, nibble::bf16_operand>());
static_assert(nibble::detail::transforms_match<rotated, rotated>());
static_assert(!nibble::detail::transforms_match<rotated, rows>());
static_assert(nibble::detail::is_biased_gradient<biased>());
static_assert(!nibble::detail::is_biased_gradient<unbiased>());
static_assert(nibble::detail::can_reuse<tiles, tiles_again>());
static_assert(!nibble::detail::can_reuse<rows, rows_again>());
static_assert(!nibble::detail::can_reuse<rows, tiles_again>());

}  // namespace

TEST_CASE("a plan keeps the first and the last blocks, whichever of number and share is more") {
  constexpr precision_plan nvidia_12b{.first_blocks = 2, .last_blocks = 8};
  int kept = 0;
  for (int block = 0; block < 62; ++block) {
    kept += nvidia_12b.keeps_high_precision({layer_role::other, block, 62});
  }
  CHECK(kept == 10);

  constexpr precision_plan share{.last_percent = 15};
  static_assert(share.keeps_high_precision(layer_place{layer_role::other, 3, 4}));   // 0.6: one
  static_assert(!share.keeps_high_precision(layer_place{layer_role::other, 2, 4}));
  static_assert(share.keeps_high_precision(layer_place{layer_role::other, 17, 20}));  // 3 of 20
  static_assert(!share.keeps_high_precision(layer_place{layer_role::other, 16, 20}));
  static_assert(!precision_plan{}.keeps_high_precision(layer_place{layer_role::other, 0, 1}));
}

TEST_CASE("a plan keeps layers by role, wherever they are") {
  constexpr precision_plan plan{.roles = 1u << static_cast<unsigned>(layer_role::mamba_out)};
  static_assert(plan.keeps_high_precision({layer_role::mamba_out, 1, 9}));
  static_assert(!plan.keeps_high_precision({layer_role::mamba_in, 1, 9}));
  CHECK(plan.keeps_high_precision({layer_role::mamba_out, 0, 9}));
}
