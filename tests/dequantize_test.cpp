// SPDX-License-Identifier: Apache-2.0
// Back to numbers: every scale with every code, every output type and stride, the transform undone,
// and that quantizing the result again changes nothing.
#include <nibble/dequantize.hpp>

#include <doctest/doctest.h>

#include <cfenv>
#include <stdexcept>

#include <nibble/fp16.hpp>
#include <nibble/nibble.hpp>
#include <nibble/part.hpp>

#include "oracle/formats.hpp"
#include "oracle/hadamard.hpp"
#include "support/quantized_witness.hpp"

using namespace nibble;
using fixture::filled;
using fixture::matrix;
using layout::scale_tile_128x4;

namespace {

using plain = quantizer<>;
using tiles = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
template <class Outer>
using under = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, Outer>>;
using rotated = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even,
                          transform::random_hadamard<16, bf16>>;

std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

/// The oracle's number for element (i, j) of a view whose block has this amax.
template <class View>
std::uint32_t expected(View const& q, matrix_index i, matrix_index j, float amax) {
  fp4_e2m1 const code = q.codes(i, j);
  std::uint32_t const scale = oracle::quick_e4m3().decode(q.scale(i, j / 16).bits());
  return oracle::ieee::multiply(oracle::quick_e2m1().decode(code.bits()),
                                oracle::decode_factor(scale, bits(amax)));
}

/// Elements of the dequantized matrix that differ from the oracle's, gaps and guards included.
template <class Q, class View>
int mismatches(View const& view, Q const& q, matrix_index row_step, matrix_index column_step) {
  matrix<float> result(view.rows(), view.columns(), row_step, column_step);
  std::vector<float> const poison(result.values.size(), 12345.0f);
  result.values = poison;
  dequantize(view, result.view(), q, domain::original, threads{2});
  int wrong = 0;
  auto rest = result.values;
  for (matrix_index i = 0; i < view.rows(); ++i) {
    for (matrix_index j = 0; j < view.columns(); ++j) {
      wrong += oracle::same(bits(result(i, j)), expected(view, i, j, view.amax_of(i, j))) ? 0 : 1;
      rest[static_cast<std::size_t>(i * row_step + j * column_step)] = 12345.0f;
    }
  }
  return wrong + (rest == poison ? 0 : 1);
}

}  // namespace

// bugs: A20
TEST_CASE("every code under every scale, signs and NaN included, is the oracle's number") {
  quantized_by<plain> q(shape_for<plain>(256, 16));
  for (float const amax : {0x1.5p0f, 1e-38f, 3e38f, 0.0f}) {
    auto const view = q.view();
    view.amax(0, 0) = amax;
    for (int scale = 0; scale < 256; ++scale) {
      view.scales(scale, 0) = fp8_e4m3::from_bits(scale);
      for (int code = 0; code < 16; ++code) {
        view.codes(scale, code) = fp4_e2m1::from_bits(code);
      }
    }
    CHECK(mismatches(view, plain{}, 16, 1) == 0);
    CHECK(mismatches(view.read_only(), plain{}, 16, 1) == 0);
  }
}

TEST_CASE("bf16 and fp16 results are the float results, rounded once more") {
  auto const in = filled(9, 40, 3);
  auto const q = quantized(in.view(), plain{});
  matrix<float> wide(9, 40);
  matrix<bf16> narrow(9, 40);
  matrix<fp16> small(9, 40);
  dequantize(q.view(), wide.view(), plain{});
  dequantize(q.view(), narrow.view(), plain{});
  dequantize(q.view(), small.view(), plain{});
  int wrong = 0;
  for (matrix_index i = 0; i < 9; ++i) {
    for (matrix_index j = 0; j < 40; ++j) {
      auto const number = oracle::from_binary32(bits(wide(i, j)));
      wrong += narrow(i, j).bits() == oracle::table_of(oracle::bf16).convert(number) &&
                       small(i, j).bits() == oracle::table_of(oracle::fp16).convert(number)
                   ? 0
                   : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("layouts, tiles kept once, amaxes per row and per 128, ragged shapes and strides agree") {
  int wrong = 0;
  for (auto const& [rows, columns] : {std::array<matrix_index, 2>{1, 1}, {17, 300}, {40, 33}, {130, 70}}) {
    auto const in = filled(rows, columns, 5);
    auto const tiled = quantized<scale_tile_128x4>(in.view(), plain{});
    auto const by_row = quantized(in.view(), under<tensor_scale::per_row<>>{});
    auto const by_128 = quantized(in.view(), under<tensor_scale::per_block_128<>>{});
    quantized_by<tiles> once(shape_for<tiles>(rows, columns, true));
    quantize(in.view(), once.view(), tiles{});
    wrong += mismatches(tiled.view(), plain{}, columns, 1);
    wrong += mismatches(by_row.view(), under<tensor_scale::per_row<>>{}, 1, rows + 3);
    wrong += mismatches(by_128.view(), under<tensor_scale::per_block_128<>>{}, columns + 5, 1);
    wrong += mismatches(once.view(), tiles{}, 3 * columns, 3);
  }
  CHECK(wrong == 0);
}

TEST_CASE("nothing is dequantized to nothing") {
  for (auto const& [rows, columns] : {std::array<matrix_index, 2>{0, 0}, {0, 40}, {3, 0}}) {
    auto const in = filled(rows, columns);
    CHECK(mismatches(quantized(in.view(), plain{}).view(), plain{}, columns + 1, 1) == 0);
    CHECK(mismatches(quantized(in.view(), under<tensor_scale::per_row<>>{}).view(),
                     under<tensor_scale::per_row<>>{}, columns + 1, 1) == 0);
    CHECK(mismatches(quantized(in.view(), under<tensor_scale::per_block_128<>>{}).view(),
                     under<tensor_scale::per_block_128<>>{}, columns + 1, 1) == 0);
  }
}

TEST_CASE("the transform is undone in the original domain and left in the transformed one") {
  constexpr matrix_index rows = 3, columns = 20;
  auto const in = filled(rows, columns, 7);
  rotated const q{};
  auto const made = quantized(in.view(), q);
  matrix<float> inner(rows, 32), original(rows, columns);
  dequantize(made.view(), inner.view(), q, domain::transformed);
  dequantize(made.view(), original.view(), q);
  int wrong = 0;
  for (matrix_index i = 0; i < rows; ++i) {
    for (matrix_index first = 0; first < 32; first += 16) {
      std::vector<std::uint32_t> values;
      for (matrix_index j = 0; j < 16; ++j) {
        values.push_back(expected(made.view(), i, first + j, made.amax()[0]));
        wrong += bits(inner(i, first + j)) == values.back() ? 0 : 1;
      }
      auto const undone = oracle::hadamard(values, std::vector<bool>(16), false);
      for (matrix_index j = 0; j < 16 && first + j < columns; ++j) {
        std::uint32_t const sign = (0xD7E8U >> j & 1U) << 31;
        wrong += bits(original(i, first + j)) == (undone[static_cast<std::size_t>(j)] ^ sign) ? 0 : 1;
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("quantizing the numbers again, under the same amax, gives the same bytes") {
  // Numbers of a few binades under one amax: every scale is normal and no product leaves the floats.
  auto const in = filled(64, 160, 9);
  auto const check = [&]<class Q>(Q const& q) {
    auto const first = quantized(in.view(), q);
    matrix<float> numbers(64, 160);
    dequantize(first.view(), numbers.view(), q);
    quantized_by<Q> second(first.shape());
    second.view().amax(0, 0) = first.amax()[0];
    quantize_with_amax(numbers.view(), second.view(), q);
    CHECK(first.code_bytes() == second.code_bytes());
    bool equal = true;
    for (std::size_t i = 0; i != first.scales().size(); ++i) {
      equal &= first.scales()[i].bits() == second.scales()[i].bits();
    }
    CHECK(equal);
  };
  check(plain{});
  check(tiles{});
  check(under<tensor_scale::current<256>>{});
}

TEST_CASE("a result of another shape is refused by name, and a rounding mode too") {
  auto const in = filled(3, 20);
  auto const q = quantized(in.view(), plain{});
  matrix<float> narrow(3, 19), right(3, 20);
  CHECK_THROWS_WITH_AS(dequantize(q.view(), narrow.view(), plain{}),
                       "nibble::dequantize: got a result of 3 x 19 for a quantized matrix of 3 x 20; "
                       "need the shape that was quantized",
                       std::invalid_argument);
  auto const r = quantized(in.view(), rotated{});
  matrix<float> short_one(3, 16);
  CHECK_THROWS_AS(dequantize(r.view(), short_one.view(), rotated{}), std::invalid_argument);
  // A part that ends inside a transform has its codes, but no numbers of the original.
  using wide = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even, transform::hadamard<128>>;
  auto const w = quantized(in.view(), wide{});
  auto const inside = *part(w.view(), 0, 0, 3, 16);
  CHECK_THROWS_WITH_AS(dequantize(inside, short_one.view(), wide{}),
                       "nibble::dequantize: got a quantized matrix of 3 x 16 to undo a transform of 128 "
                       "in, need whole transforms",
                       std::invalid_argument);
  CHECK_NOTHROW(dequantize(inside, short_one.view(), wide{}, domain::transformed));
  std::fesetround(FE_DOWNWARD);
  CHECK_THROWS_AS(dequantize(q.view(), right.view(), plain{}), std::runtime_error);
  std::fesetround(FE_TONEAREST);
  CHECK(right(0, 0) == 0.0f);
}
