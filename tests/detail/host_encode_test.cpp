// SPDX-License-Identifier: Apache-2.0
// Codes and amaxes are quantize_test's; here is what a panel's encoder does at the edges of a view.
#include <doctest/doctest.h>

#include <nibble/detail/host_encode.hpp>
#include <nibble/rounding/stochastic.hpp>

#include "support/matrices.hpp"

TEST_CASE("a quantizer with another rounding keeps its other policies") {
  using q = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<nibble::scaling::tile::square>>;
  auto const other = nibble::detail::with_rounding(q{}, nibble::rounding::stochastic<16>{{1, 2}});
  static_assert(decltype(other)::group.rows == 16 && decltype(other)::rounding_type::is_stochastic);
  CHECK(other.rounding.source.stream == 2);
}

// bugs: D1
TEST_CASE("padding of tiled scales is cleared, of a part's neighbours it is not") {
  using q = nibble::quantizer<>;
  fixture::poisoned<q, nibble::layout::scale_tile_128x4> out(3, 32);
  nibble::detail::clear_padding(out.view());
  auto const bytes = out.scale_bytes();
  int zeros = 0;
  for (auto const byte : bytes) zeros += byte == 0;
  CHECK(zeros == 512 - 3 * 2);
  CHECK(out.guards_hold());
}

TEST_CASE("an output of the wrong shape is named, with what was needed") {
  using q = nibble::quantizer<>;
  auto const values = fixture::filled(4, 32);
  fixture::poisoned<q> out(4, 48);
  CHECK_THROWS_WITH_AS(nibble::detail::require_shapes<q>(values.view(), out.view(), "here"),
                       "here: got an output of 4 x 48 for an input of 4 x 32, need 4 x 32; make it with "
                       "shape_for<Quantizer>",
                       std::invalid_argument);
}
