// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <nibble/epilogue.hpp>
#include <nibble/nibble.hpp>

namespace {
using nvfp4 = nibble::quantizer<>;
using four_six = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::four_over_six<>>;
using mx = nibble::quantizer<nibble::mxfp4_block, nibble::scaling::power_of_two<>>;
constexpr nibble::tensor_amax x{0.8125f}, w{7.5f};
}  // namespace

TEST_CASE("alpha is folded as TransformerEngine folds it, the second operand's amax first") {
  static_assert(nibble::detail::float_bits(nibble::fold_alpha<nvfp4, nvfp4>(1, x, w)) == 0x35626502u);
  // The order shows where a product overflows on the way: (2^100 * 2^100) * 2^-100 is not a number.
  constexpr float big = 0x1p100f, small = 0x1p-100f;
  CHECK(nibble::fold_alpha<nvfp4, nvfp4>(big, {big}, {small}) ==
        big * nibble::fold_alpha<nvfp4, nvfp4>(1, {1}, {1}));
  CHECK(nibble::fold_alpha<nvfp4, nvfp4>(big, {small}, {big}) > 0x1p127f);
}

TEST_CASE("the constant is that of both bounds, and operands without a tensor scale add nothing") {
  static_assert(nibble::detail::float_bits(nibble::detail::alpha_constant<nvfp4, nvfp4>()) == 0x34149B93u);
  static_assert(nibble::detail::float_bits(nibble::detail::alpha_constant<four_six, nvfp4>()) == 0x34820821u);
  static_assert(nibble::detail::float_bits(nibble::detail::alpha_constant<four_six, four_six>()) ==
                0x34E38E39u);
  CHECK(nibble::fold_alpha<mx, mx>(0.5f, x, w) == 0.5f);
}
