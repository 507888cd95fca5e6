// SPDX-License-Identifier: Apache-2.0
// Both directions from one pass: byte for byte what two separate calls write.
#include <nibble/quantize_both.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <utility>

#include <nibble/nibble.hpp>

#include "support/matrices.hpp"

using namespace nibble;

namespace {

template <class Matrix>
bool same_bytes(Matrix const& a, Matrix const& b) {
  auto const scale_bytes = a.scales().size() * sizeof(a.scales()[0]);
  return a.code_bytes() == b.code_bytes() && a.amax() == b.amax() &&
         (scale_bytes == 0 || std::memcmp(a.scales().data(), b.scales().data(), scale_bytes) == 0);
}

/// Quantizes matrices of several shapes, as they lie and turned, both ways.
template <class Layout = cuda::std::layout_right, class Rows, class Columns>
void check_equal(Rows const& q_rows, Columns const& q_columns) {
  for (auto const& shape : {std::pair<matrix_index, matrix_index>{64, 256}, {1, 1}, {33, 20},
                            {130, 300}, {200, 17}, {0, 5}, {5, 0}}) {
    auto const rows = shape.first, columns = shape.second;  // no binding: clang 14 captures none
    CAPTURE(rows);
    CAPTURE(columns);
    auto const straight = fixture::filled<float>(rows, columns, 7);
    auto const turned = fixture::filled<float>(columns, rows, 8);
    for (auto const& in : {straight.view(), transposed(turned.view())}) {
      quantized_by<Rows, Layout> expected_rows(shape_for<Rows, Layout>(rows, columns));
      quantized_by<Columns, Layout> expected_columns(shape_for<Columns, Layout>(columns, rows));
      auto both_rows = expected_rows;
      auto both_columns = expected_columns;
      quantize(in, expected_rows.view(), q_rows);
      quantize(transposed(in), expected_columns.view(), q_columns);
      quantize_both(in, both_rows.view(), both_columns.view(), q_rows, q_columns, threads{3});
      CHECK(same_bytes(both_rows, expected_rows));
      CHECK(same_bytes(both_columns, expected_columns));
    }
  }
}

using tiles = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using drawn = quantizer<nvfp4_block, scaling::amax<>, rounding::stochastic<>>;
using rotated = quantizer<nvfp4_block, scaling::amax<>, rounding::stochastic<>,
                          transform::random_hadamard<16, bf16>>;
using wide = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even, transform::hadamard<128>>;
using by_row = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>;

}  // namespace

TEST_CASE("both directions at once are the bytes of one after the other") {
  check_equal(quantizer<>{}, quantizer<>{});
  check_equal<layout::scale_tile_128x4>(quantizer<>{}, quantizer<>{});
}

TEST_CASE("the two directions may go by different quantizers") {
  check_equal(quantizer<>{}, rotated{{}, {{1, 2}}, {}, {}});
  check_equal(drawn{{}, {{3, 4}}, {}, {}}, wide{});
  check_equal(tiles{}, quantizer<mxfp4_block, scaling::power_of_two<>>{});
}

TEST_CASE("an amax of its own for each row works in either direction") {
  check_equal(by_row{}, quantizer<>{});
  check_equal(quantizer<>{}, by_row{});
}

TEST_CASE("outputs of the wrong shape are refused") {
  auto const in = fixture::filled<float>(32, 48, 1);
  quantized_by<quantizer<>> rows(shape_for<quantizer<>>(32, 48)), columns(shape_for<quantizer<>>(48, 32));
  CHECK_THROWS_AS(quantize_both(in.view(), rows.view(), rows.view(), quantizer<>{}, quantizer<>{}),
                  std::invalid_argument);
  CHECK_THROWS_AS(quantize_both(in.view(), columns.view(), columns.view(), quantizer<>{}, quantizer<>{}),
                  std::invalid_argument);
  CHECK_NOTHROW(quantize_both(in.view(), rows.view(), columns.view(), quantizer<>{}, quantizer<>{}));
}
