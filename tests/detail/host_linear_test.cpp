// SPDX-License-Identifier: Apache-2.0
// Operands of a layer: the products that a format without exact sums falls back to, gradient factors.
#include <nibble/detail/host_linear.hpp>

#include <doctest/doctest.h>

#include <nibble/gradient/masked.hpp>
#include <nibble/recipes/if4.hpp>
#include <nibble/recipes/tetrajet2.hpp>
#include <nibble/scaling/clipped.hpp>
#include <nibble/scaling/power_of_two.hpp>
#include <nibble/tensor_scale/fixed.hpp>

#include "support/layer.hpp"

namespace {

using namespace nibble;

/// Products of decoded operands in doubles, against each mode.
template <class Operand>
void multiplies_what_it_decodes_to() {
  typename Operand::quantizer const q{};
  auto const a = fixture::normal(20, 256, 1), b = fixture::normal(24, 256, 2);
  auto const left = detail::make_operand<Operand>(a.view(), q, nullptr, threads{1});
  auto const right = detail::make_operand<Operand>(b.view(), q, nullptr, threads{1});
  auto const expected =
      fixture::plain_product(fixture::through(a, q), false, fixture::through(b, q), false);
  fixture::matrix<> out(20, 24);
  detail::multiply_operands<product::exact>(left, right, out.view(), 0, threads{1});
  CHECK(fixture::relative_error(out.values, expected) < 1e-6);
  detail::multiply_operands<product::fast>(left, right, out.view(), 0, threads{1});
  CHECK(fixture::relative_error(out.values, expected) < 1e-5);
}

}  // namespace

TEST_CASE("operands multiply as the numbers that they decode to, in every mode") {
  multiplies_what_it_decodes_to<operand<quantizer<>>>();
  multiplies_what_it_decodes_to<recipes::tetrajet2::fprop_x>();  // outer scales that change along K
  multiplies_what_it_decodes_to<recipes::if4::fprop_x>();        // tables that change by block
  multiplies_what_it_decodes_to<operand<quantizer<
      mxfp4_block, scaling::power_of_two<scaling::exponent_rule::floor, scaling::tile::row,
                                         tensor_scale::fixed<3, 4>>>>>();  // a constant gain
}

TEST_CASE("gradient factors follow the scale that each element was rounded under") {
  using clipped = operand<quantizer<nvfp4_block, scaling::clipped<1, 2>>>;
  auto const m = fixture::normal(4, 48, 7);
  auto const made = detail::make_operand<clipped>(m.view(), clipped::quantizer{}, nullptr, threads{1});
  auto const factors = detail::gradient_factors<gradient::masked>(m.view(), made);
  int zeros = 0, wrong = 0;
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 48; ++j) {
      float largest = 0;
      for (int k = j / 16 * 16; k < j / 16 * 16 + 16; ++k) largest = std::fmax(largest, std::fabs(m(i, k)));
      bool const is_zero = factors[static_cast<std::size_t>(i * 48 + j)] == 0;
      zeros += is_zero;
      // Half of the block's amax is kept, give or take the rounding of the scale (1/16).
      wrong += is_zero && std::fabs(m(i, j)) < 0.46f * largest;
      wrong += !is_zero && std::fabs(m(i, j)) > 0.54f * largest;
    }
  }
  CHECK(wrong == 0);
  CHECK(zeros >= 12);  // each block's largest, at least
}
