// SPDX-License-Identifier: Apache-2.0
// Codes and amaxes are quantize_test's; here is what a panel's encoder does at the edges of a view.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include <nibble/detail/host_encode.hpp>
#include <nibble/part.hpp>
#include <nibble/quantize.hpp>
#include <nibble/rounding/stochastic.hpp>
#include <nibble/tensor_scale/per_block_128.hpp>
#include <nibble/tensor_scale/per_row.hpp>
#include <nibble/transform/random_hadamard.hpp>

#include "support/matrices.hpp"

using nibble::matrix_index;

namespace {

template <class Outer>
using under = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<nibble::scaling::tile::row, Outer>>;

/// Codes and scales of a part that are not those of the whole from (row, column) on.
template <class Part, class Whole>
int unlike(Part const& part, Whole const& whole, matrix_index row, matrix_index column) {
  int wrong = 0;
  for (matrix_index r = 0; r < part.rows(); ++r) {
    for (matrix_index c = 0; c < part.columns(); ++c) {
      wrong += nibble::fp4_e2m1(part.codes(r, c)).bits() != nibble::fp4_e2m1(whole.codes(row + r, column + c)).bits();
      wrong += part.scale(r, c / 16).bits() != whole.scale(row + r, (column + c) / 16).bits();
    }
  }
  return wrong;
}

}  // namespace

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

TEST_CASE("under an amax a row each row's blocks are those of the row alone") {
  using by_row = under<nibble::tensor_scale::per_row<>>;
  auto values = fixture::filled<float>(37, 96, 3);
  for (matrix_index r = 0; r < 37; ++r) {  // no two rows have their amaxes in common
    for (matrix_index c = 0; c < 96; ++c) values(r, c) *= 1.0f + 0.37f * static_cast<float>(r);
  }
  // Where columns lie side by side many rows are read at once.
  auto const turned = fixture::restrided(values, 1, 37);
  auto const together = nibble::quantized(turned.view(), by_row{});
  CHECK(nibble::quantized(values.view(), by_row{}).code_bytes() == together.code_bytes());
  int wrong = 0;
  for (matrix_index r = 0; r < 37; ++r) {
    auto const alone = nibble::quantized(*nibble::part(values.view(), r, 0, 1, 96), by_row{});
    wrong += together.view().amax(r, 0) != alone.view().amax(0, 0);
    wrong += unlike(alone.view(), together.view(), r, 0);
  }
  CHECK(wrong == 0);
}

TEST_CASE("blocks that are transformed together stand side by side, each in its place") {
  using turned = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<>, nibble::rounding::nearest_even,
                                   nibble::transform::random_hadamard<64>>;
  auto const values = fixture::filled<float>(9, 192, 4);
  auto const whole = nibble::quantized(values.view(), turned{});
  int wrong = 0;
  for (matrix_index r = 0; r < 9; ++r) {
    for (matrix_index first = 0; first < 192; first += 64) {
      fixture::poisoned<turned> part(1, 64);
      part.view().amax(0, 0) = whole.view().amax(0, 0);
      nibble::quantize_with_amax(*nibble::part(values.view(), r, first, 1, 64), part.view(), turned{});
      wrong += unlike(part.view(), whole.view(), r, first);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("amaxes of the wrong shape are named, and those of zeros are zero") {
  using by_row = under<nibble::tensor_scale::per_row<>>;
  using by_128 = under<nibble::tensor_scale::per_block_128<>>;
  fixture::matrix<float> const zeros(4, 256);
  fixture::poisoned<by_row> out(4, 256);
  CHECK_THROWS_WITH_AS(nibble::detail::require_shapes<by_128>(zeros.view(), out.view(), "here"),
                       "here: got amaxes of 4 x 1, need 4 x 2; make the output with shape_for<Quantizer>",
                       std::invalid_argument);
  auto const by_tensor = nibble::quantized(zeros.view(), nibble::quantizer<>{});
  CHECK(nibble::detail::float_bits(by_tensor.amax().front()) == 0);
}

TEST_CASE("an amax of 128 elements is theirs, far from the first too") {
  using by_128 = under<nibble::tensor_scale::per_block_128<>>;
  auto const values = fixture::filled<float>(2, 4096, 5);
  auto const made = nibble::quantized(values.view(), by_128{});
  int wrong = 0;
  for (matrix_index r = 0; r < 2; ++r) {
    for (matrix_index part = 0; part < 32; ++part) {
      float largest = 0;
      for (matrix_index c = 128 * part; c < 128 * (part + 1); ++c) {
        largest = std::max(largest, std::fabs(values(r, c)));
      }
      wrong += made.view().amax(r, part) != largest;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("nothing is written beside a row whose last transform is cut off") {
  using wide = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<>, nibble::rounding::nearest_even,
                                 nibble::transform::random_hadamard<128>>;
  for (matrix_index const columns : {70, 80, 128}) {
    auto const values = fixture::filled<float>(3, columns, 6);
    fixture::poisoned<wide> out(3, columns);
    nibble::quantize(values.view(), out.view(), wide{});
    CHECK(out.guards_hold());
  }
}

TEST_CASE("a part draws the numbers of its place in the whole, columns counted too") {
  nibble::quantizer const q{nibble::scaling::amax<>{}, nibble::rounding::stochastic<>{{5, 6}}};
  using drawing = std::remove_const_t<decltype(q)>;
  auto const values = fixture::filled<float>(24, 96, 7);
  auto const whole = nibble::quantized(values.view(), q);
  fixture::poisoned<drawing> part(8, 48);
  part.view().amax(0, 0) = whole.view().amax(0, 0);
  nibble::quantize_with_amax(*nibble::part(values.view(), 16, 32, 8, 48), part.view(), q, nibble::threads{},
                             nibble::shard{16, 32, 96});
  CHECK(unlike(part.view(), whole.view(), 16, 32) == 0);
}

TEST_CASE("scales and codes that lie otherwise are named, with what was needed") {
  using q = nibble::quantizer<>;
  auto const values = fixture::filled(4, 32);
  fixture::poisoned<q> out(4, 32);
  auto view = out.view();
  auto const refuses = [&](matrix_index pitch, matrix_index step) {
    cuda::std::array<matrix_index, 2> const strides{pitch, step};
    auto changed = view;
    changed.codes = {view.codes.data_handle(), {nibble::matrix_extents(4, 32), strides}};
    CHECK_THROWS_WITH_AS(nibble::detail::require_shapes<q>(values.view(), changed, "here"),
                         "here: got codes whose rows are not padded to whole blocks; make the output with "
                         "shape_for<Quantizer>",
                         std::invalid_argument);
  };
  refuses(40, 1);  // no whole blocks
  refuses(16, 1);  // rows over each other
  refuses(64, 2);  // elements apart
  fixture::poisoned<q> narrow(4, 16);
  view.scales = narrow.view().scales;
  CHECK_THROWS_WITH_AS(nibble::detail::require_shapes<q>(values.view(), view, "here"),
                       "here: got scales of 4 x 1, need 4 x 2; make the output with shape_for<Quantizer>",
                       std::invalid_argument);
}
