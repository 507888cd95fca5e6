// SPDX-License-Identifier: Apache-2.0
// Owned quantized matrices: the shape each quantizer needs, memory of that size, refused shapes.
#include <nibble/quantized_matrix.hpp>

#include <doctest/doctest.h>

#include <stdexcept>

#include <nibble/nibble.hpp>

using namespace nibble;

namespace {

using plain = quantizer<>;
using tiles = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using by_row = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>;
using by_128 = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_block_128<>>>;
using rotated = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even, transform::hadamard<64>>;

constexpr bool is(auto const& s, matrix_index rows, matrix_index columns, matrix_index scale_rows,
                  matrix_index amax_rows, matrix_index amax_columns) {
  return s.rows == rows && s.columns == columns && s.scale_rows == scale_rows &&
         s.amax_rows == amax_rows && s.amax_columns == amax_columns;
}
static_assert(is(shape_for<plain>(33, 20), 33, 20, 33, 1, 1));
static_assert(is(shape_for<tiles>(33, 20), 33, 20, 33, 1, 1));
static_assert(is(shape_for<tiles>(33, 20, true), 33, 20, 3, 1, 1));
static_assert(is(shape_for<plain>(33, 20, true), 33, 20, 33, 1, 1));
static_assert(is(shape_for<by_row>(33, 20), 33, 20, 33, 33, 1));
static_assert(is(shape_for<by_128>(33, 257), 33, 257, 33, 33, 3));
static_assert(is(shape_for<rotated>(33, 65), 33, 128, 33, 1, 1));
static_assert(is(shape_for<rotated>(0, 0), 0, 0, 0, 1, 1));

}  // namespace

// bugs: D5
TEST_CASE("a matrix holds the bytes that its shape names, all zero, and gives views of them") {
  quantized_by<plain, layout::scale_tile_128x4> m(
      shape_for<plain, layout::scale_tile_128x4>(130, 70));
  CHECK(m.code_bytes().size() == 130 * 5 * 8);
  CHECK(m.scales().size() == 256 * 8);
  CHECK(m.amax().size() == 1);
  CHECK(m.view().rows() == 130);
  CHECK(m.view().columns() == 70);
  for (auto const byte : m.code_bytes()) {
    CHECK_UNARY(byte == 0);
  }
  m.view().codes(129, 69) = fp4_e2m1(6.0f);
  auto const& read_only = m;
  CHECK(static_cast<float>(read_only.view().codes(129, 69)) == 6.0f);
}

TEST_CASE("a copy has memory of its own") {
  quantized_by<plain> a(shape_for<plain>(2, 16));
  auto b = a;
  b.view().codes(1, 1) = fp4_e2m1(1.0f);
  CHECK(static_cast<float>(a.view().codes(1, 1)) == 0.0f);
  CHECK(static_cast<float>(b.view().codes(1, 1)) == 1.0f);
}

TEST_CASE("an empty matrix and a default one have views") {
  quantized_by<plain> nothing;
  CHECK(nothing.view().rows() == 0);
  quantized_by<by_row> no_rows(shape_for<by_row>(0, 16));
  CHECK(no_rows.view().rows() == 0);
  quantized_by<by_128> no_columns(shape_for<by_128>(3, 0));
  CHECK(no_columns.view().columns() == 0);
}

TEST_CASE("a shape that has no view is refused before memory is asked for") {
  using matrix = quantized_by<plain>;
  constexpr matrix_index large = matrix_index{1} << 40;
  CHECK_THROWS_WITH_AS(matrix(shape_for<plain>(large, large)),
                       "got a quantized matrix of 1099511627776 x 1099511627776, need extents from 0 "
                       "to 2^60 elements in all",
                       std::length_error);
  CHECK_THROWS_AS(matrix(shape_for<plain>(-1, 16)), std::length_error);
  CHECK_THROWS_AS(matrix(shape_for<plain>(1, -16)), std::length_error);
  using rotated_matrix = quantized_by<rotated>;
  CHECK_THROWS_AS(rotated_matrix(shape_for<rotated>(1, -5)), std::length_error);
  CHECK_THROWS_AS(rotated_matrix(shape_for<rotated>(1, INT64_MAX)), std::length_error);
}
