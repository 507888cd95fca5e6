// SPDX-License-Identifier: Apache-2.0
// Whole matrices: every byte against the oracle for ragged shapes, strides, layouts and granularities;
// nothing outside the output, the same bytes for any number of threads, errors before any write.
#include <nibble/quantize.hpp>

#include <doctest/doctest.h>

#include <cfenv>
#include <stdexcept>
#include <string>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include <nibble/fp16.hpp>
#include <nibble/nibble.hpp>

#include "oracle/hadamard.hpp"
#include "oracle/philox.hpp"
#include "support/quantized_witness.hpp"

using namespace nibble;
using fixture::filled;
using fixture::matrix;
using fixture::poisoned;
using layout::scale_tile_128x4;

namespace {

using plain = quantizer<>;
using tiles = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
template <class Outer>
using under = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, Outer>>;
using rotated = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even,
                          transform::random_hadamard<16, bf16>>;
using stochastic = quantizer<nvfp4_block, scaling::amax<>, rounding::stochastic<8>>;

/// The bytes that quantize writes over poison; the guards must hold.
template <class Q, class Layout = cuda::std::layout_right, class In>
witness::bytes quantized_bytes(In const& in, Q const& q = {}, threads parallel = {1}) {
  poisoned<Q, Layout> out(in.extent(0), in.extent(1));
  quantize(in, out.view(), q, parallel);
  CHECK(out.guards_hold());
  return witness::bytes_of(out);
}

template <class Layout>
constexpr bool is_tiled = std::is_same_v<Layout, scale_tile_128x4>;

template <class Layout>
int ragged_mismatches() {
  int wrong = 0;
  for (matrix_index rows : {0, 1, 2, 5, 129}) {
    for (matrix_index columns = 0; columns <= 40; ++columns) {
      auto const in = filled(rows, columns, static_cast<std::uint64_t>(columns));
      float const amax = witness::amax_of(in);
      auto const expected =
          witness::rows_of_blocks(rows, columns, is_tiled<Layout>, witness::padded(in),
                                  [&](auto, auto) { return amax; });
      wrong += quantized_bytes<plain, Layout>(in.view()) == expected ? 0 : 1;
    }
  }
  return wrong;
}

template <class Layout>
int square_mismatches() {
  int wrong = 0;
  for (matrix_index rows : {0, 1, 15, 16, 17, 33, 130}) {
    for (matrix_index columns : {0, 1, 15, 16, 17, 40, 80}) {
      auto const in = filled(rows, columns, 7);
      float const amax = witness::amax_of(in);
      auto const expected =
          witness::square_tiles(rows, columns, is_tiled<Layout>, witness::padded(in), amax);
      wrong += quantized_bytes<tiles, Layout>(in.view()) == expected ? 0 : 1;
    }
  }
  return wrong;
}

}  // namespace

// bugs: A6 D2 D15
TEST_CASE("every byte of ragged matrices is the oracle's, codes, scales and padding") {
  CHECK(ragged_mismatches<cuda::std::layout_right>() == 0);
  CHECK(ragged_mismatches<scale_tile_128x4>() == 0);
}

TEST_CASE("square tiles at ragged edges too, in both layouts") {
  CHECK(square_mismatches<cuda::std::layout_right>() == 0);
  CHECK(square_mismatches<scale_tile_128x4>() == 0);
}

TEST_CASE("tiles kept once have one scale where the others have sixteen") {
  for (matrix_index rows : {1, 16, 17, 40}) {
    auto const in = filled(rows, 50, 3);
    poisoned<tiles> every_row(rows, 50), once(rows, 50, true);
    quantize(in.view(), every_row.view(), tiles{}, threads{1});
    quantize(in.view(), once.view(), tiles{}, threads{1});
    CHECK(once.guards_hold());
    CHECK(once.code_bytes() == every_row.code_bytes());
    CHECK(once.scale_bytes().size() == static_cast<std::size_t>((rows + 15) / 16 * 4));
    int wrong = 0;
    for (matrix_index r = 0; r < rows; ++r) {
      for (matrix_index b = 0; b < 4; ++b) {
        wrong += once.view().scale(r, b).bits() == every_row.view().scale(r, b).bits() ? 0 : 1;
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("a square-tiled matrix and its transpose are the same numbers") {
  auto const in = filled(48, 80, 5);
  poisoned<tiles> direct(48, 80), turned(80, 48);
  quantize(in.view(), direct.view(), tiles{}, threads{1});
  quantize(transposed(in.view()), turned.view(), tiles{}, threads{1});
  int wrong = 0;
  for (matrix_index i = 0; i < 48; ++i) {
    for (matrix_index j = 0; j < 80; ++j) {
      fp4_e2m1 const a = direct.view().codes(i, j), b = turned.view().codes(j, i);
      bool const equal = a.bits() == b.bits() && direct.view().scale(i, j / 16).bits() ==
                                                     turned.view().scale(j, i / 16).bits();
      wrong += equal ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("a transform's amax is found after it, and zeros complete a ragged row before it") {
  for (matrix_index const columns : {16, 20, 48}) {
    auto const in = filled(5, columns, 11);
    matrix_index const wide = (columns + 15) / 16 * 16;
    matrix<float> changed(5, wide);
    for (matrix_index r = 0; r < 5; ++r) {
      for (matrix_index first = 0; first < wide; first += 16) {
        std::vector<std::uint32_t> values;
        std::vector<bool> flips;
        for (matrix_index i = 0; i < 16; ++i) {
          values.push_back(std::bit_cast<std::uint32_t>(witness::padded(in)(r, first + i)));
          flips.push_back((0xD7E8U >> i & 1U) != 0);
        }
        auto const made = oracle::hadamard(values, flips, true);
        for (matrix_index i = 0; i < 16; ++i) {
          changed(r, first + i) = std::bit_cast<float>(made[static_cast<std::size_t>(i)]);
        }
      }
    }
    float const amax = witness::amax_of(changed);
    poisoned<rotated> out(5, columns);
    CHECK(out.view().columns() == wide);
    quantize(in.view(), out.view(), rotated{}, threads{1});
    CHECK(out.amaxes()[0] == amax);
    CHECK(witness::bytes_of(out) == witness::rows_of_blocks(5, wide, false, witness::padded(changed),
                                                            [&](auto, auto) { return amax; }));
  }
}

TEST_CASE("an amax per row or per 128 columns is that row's or piece's own, NaN aside") {
  for (matrix_index const columns : {1, 100, 128, 300}) {
    auto in = filled(4, columns, 13);
    for (matrix_index j = 0; j < columns; ++j) {
      in(1, j) *= 1000;
      in(2, j) = 0;
    }
    in(3, columns - 1) = std::bit_cast<float>(oracle::quiet_nan_bits);
    auto const largest = [&](matrix_index r, matrix_index first, matrix_index last) {
      float result = 0;
      for (matrix_index j = first; j < std::min(last, columns); ++j) {
        float const size = detail::magnitude(in(r, j));
        result = size > result ? size : result;
      }
      return result;
    };
    poisoned<under<tensor_scale::per_row<>>> by_row(4, columns);
    quantize(in.view(), by_row.view(), under<tensor_scale::per_row<>>{}, threads{1});
    poisoned<under<tensor_scale::per_block_128<>>> by_128(4, columns);
    quantize(in.view(), by_128.view(), under<tensor_scale::per_block_128<>>{}, threads{1});
    auto const of_row = [&](auto r, auto) { return largest(r, 0, columns); };
    auto const of_128 = [&](auto r, auto c) { return largest(r, c / 128 * 128, c / 128 * 128 + 128); };
    CHECK(witness::bytes_of(by_row) ==
          witness::rows_of_blocks(4, columns, false, witness::padded(in), of_row));
    CHECK(witness::bytes_of(by_128) ==
          witness::rows_of_blocks(4, columns, false, witness::padded(in), of_128));
    matrix_index const pieces = (columns + 127) / 128;
    for (matrix_index r = 0; r < 4; ++r) {
      CHECK(by_row.amaxes()[static_cast<std::size_t>(r)] == of_row(r, 0));
      for (matrix_index p = 0; p < pieces; ++p) {
        CHECK(by_128.amaxes()[static_cast<std::size_t>(r * pieces + p)] == of_128(r, 128 * p));
      }
    }
    CHECK(by_row.guards_hold());
    CHECK(by_128.guards_hold());
  }
}

// bugs: E5 E7
TEST_CASE("matrices without rows or columns are quantized to nothing under every granularity") {
  auto const check = [&]<class Q>(Q) {
    for (auto const& [rows, columns] : {std::array<matrix_index, 2>{0, 0}, {0, 40}, {3, 0}}) {
      auto const in = filled(rows, columns);
      poisoned<Q> out(rows, columns);
      quantize(in.view(), out.view(), Q{}, threads{2});
      CHECK(out.guards_hold());
      for (float const amax : out.amaxes()) {
        CHECK(amax == 0.0f);
      }
    }
  };
  // Memory of their own, where the buffers of nothing are null.
  auto const no_rows = filled(0, 40);
  auto const no_columns = filled(3, 0);
  CHECK(quantized(no_rows.view(), under<tensor_scale::per_row<>>{}).code_bytes().empty());
  CHECK(quantized(no_columns.view(), under<tensor_scale::per_block_128<>>{}).amax().empty());
  check(plain{});
  check(tiles{});
  check(rotated{});
  check(under<tensor_scale::per_row<>>{});
  check(under<tensor_scale::per_block_128<>>{});
}

// bugs: E11 E12
TEST_CASE("strides do not matter: gaps, transposed storage, bf16 and fp16 give equal bytes") {
  auto const in = filled(21, 37, 17);
  auto const expected = quantized_bytes<plain>(in.view());
  CHECK(quantized_bytes<plain>(fixture::restrided(in, 50, 1).view()) == expected);
  CHECK(quantized_bytes<plain>(fixture::restrided(in, 111, 3).view()) == expected);
  CHECK(quantized_bytes<plain>(fixture::restrided(in, 1, 21).view()) == expected);
  CHECK(quantized_bytes<plain>(filled<bf16>(21, 37, 17).view()) == expected);  // 8 bits are enough
  CHECK(quantized_bytes<plain>(filled<fp16>(21, 37, 17).view()) == expected);
  auto const square = quantized_bytes<tiles>(in.view());
  CHECK(quantized_bytes<tiles>(fixture::restrided(in, 1, 30).view()) == square);
}

// bugs: D3 D14
TEST_CASE("rows of NaN after a matrix change none of its bytes") {
  auto const in = filled(19, 33, 19);
  auto longer = filled(40, 33, 19);
  for (matrix_index i = 19; i < 40; ++i) {
    for (matrix_index j = 0; j < 33; ++j) {
      longer(i, j) = std::bit_cast<float>(i % 2 == 0 ? 0x7F800001U : 0xFFC00000U);
    }
  }
  auto const kept = quantized_bytes<plain>(in.view());
  auto const all = quantized_bytes<plain>(longer.view());
  CHECK(std::equal(kept.codes.begin(), kept.codes.end(), all.codes.begin()));
  CHECK(std::equal(kept.scales.begin(), kept.scales.end(), all.scales.begin()));
}

// bugs: A1
TEST_CASE("a matrix of zeros has scales of 0 and codes of 0, whatever its amax was before") {
  matrix<float> const zeros(20, 40);
  auto const made = quantized_bytes<plain, scale_tile_128x4>(zeros.view());
  CHECK(std::all_of(made.codes.begin(), made.codes.end(), [](int b) { return b == 0; }));
  CHECK(std::all_of(made.scales.begin(), made.scales.end(), [](int b) { return b == 0; }));
}

TEST_CASE("any number of threads, and any loop in their place, gives the same bytes") {
  auto const in = filled(700, 530, 23);
  stochastic const q{{}, {random::philox4x32<>{1, 2}}};
  auto const expected = quantized_bytes<stochastic>(in.view(), q, threads{1});
  auto const expected_tiles = quantized_bytes<tiles, scale_tile_128x4>(in.view(), {}, threads{1});
  for (int const count : {2, 3, 7}) {
    CHECK(quantized_bytes<stochastic>(in.view(), q, threads{count}) == expected);
    CHECK(quantized_bytes<tiles, scale_tile_128x4>(in.view(), {}, threads{count}) == expected_tiles);
  }
  poisoned<stochastic> out(700, 530);
  auto const backwards = [](std::int64_t size, std::int64_t grain, auto const& body) {
    for (std::int64_t first = (size - 1) / grain * grain; first >= 0; first -= grain) {
      body(first, std::min(size, first + grain));
    }
  };
  quantize(in.view(), out.view(), q, backwards);
  CHECK(witness::bytes_of(out) == expected);
}

TEST_CASE("an element draws the random word of its index in the whole matrix") {
  constexpr matrix_index rows = 20, columns = 48;
  auto const in = filled(rows, columns, 29);
  constexpr std::uint64_t seed = 5, stream = random::stream_id{3, 1, 9, true}.value();
  stochastic const q{{}, {random::philox4x32<>{seed, stream}}};
  auto const whole = quantized_bytes<stochastic>(in.view(), q);
  float const amax = witness::amax_of(in);
  witness::storage expected(rows, columns, false), shards(rows, columns, false);
  for (matrix_index r = 0; r < rows; ++r) {
    for (matrix_index b = 0; b < 3; ++b) {
      auto const first = static_cast<std::uint64_t>(r * columns + 16 * b);
      oracle::sixteen words{};
      for (std::uint64_t i = 0; i != 16; ++i) {
        words[i] = oracle::random_word(seed, stream, first + i, 8);
      }
      auto const values = witness::gather(witness::padded(in), r, 16 * b);
      expected.put(r, b, oracle::quantize_stochastic(values, std::bit_cast<std::uint32_t>(amax), words, 8));
      // A shard that holds this row alone quantizes it under the position of the whole matrix.
      auto const block = q([&](int, int c) { return in(r, 16 * b + c); }, tensor_amax{amax},
                           position(first, columns));
      oracle::block plain_block{block.scale.bits(), {}};
      for (int i = 0; i < 16; ++i) {
        plain_block.codes[static_cast<std::size_t>(i)] = block.codes[i].bits();
      }
      shards.put(r, b, plain_block);
    }
  }
  CHECK(whole == expected.data);
  CHECK(whole == shards.data);
  stochastic const other{{}, {random::philox4x32<>{seed, random::stream_id{3, 1, 9, false}.value()}}};
  CHECK(quantized_bytes<stochastic>(in.view(), other).codes != whole.codes);
}

TEST_CASE("under a delayed amax the history counts, not the matrix, and large elements saturate") {
  using delayed = tensor_scale::delayed<2>;
  auto in = filled(3, 32, 31);
  in(1, 5) = 1000;
  delayed::history history;
  history.record({8});
  history.record({4});
  poisoned<under<delayed>> out(3, 32);
  out.view().amax(0, 0) = history.amax().value;
  quantize_with_amax(in.view(), out.view(), under<delayed>{}, threads{1});
  CHECK(out.amaxes()[0] == 8);
  CHECK(witness::bytes_of(out) == witness::rows_of_blocks(3, 32, false, witness::padded(in),
                                                          [](auto, auto) { return 8.0f; }));
  fp4_e2m1 const saturated = out.view().codes(1, 5);
  CHECK(saturated.bits() == 7);
  find_amax(in.view(), out.view(), under<delayed>{}, threads{1});
  history.record({out.amaxes()[0]});
  CHECK(history.amax().value == 1000);
}

TEST_CASE("shapes that do not fit are refused, the message names both, and nothing is written") {
  auto const in = filled(3, 17);
  auto const refused = [&]<class Q>(Q const& q, poisoned<Q>& out, std::string const& message) {
    CHECK_THROWS_WITH_AS(quantize(in.view(), out.view(), q), message.c_str(), std::invalid_argument);
    CHECK(out.untouched());
  };
  poisoned<plain> narrow(3, 16), tall(4, 17);
  std::string const advice = "; make it with shape_for<Quantizer>";
  refused(plain{}, narrow,
          "nibble::find_amax: got an output of 3 x 16 for an input of 3 x 17, need 3 x 17" + advice);
  refused(plain{}, tall,
          "nibble::find_amax: got an output of 4 x 17 for an input of 3 x 17, need 3 x 17" + advice);
  using by_row = under<tensor_scale::per_row<>>;
  poisoned<plain> one_amax(3, 17);
  CHECK_THROWS_WITH_AS(quantize(in.view(), one_amax.view(), by_row{}),
                       "nibble::find_amax: got amaxes of 1 x 1, need 3 x 1; make the output with "
                       "shape_for<Quantizer>",
                       std::invalid_argument);
  CHECK(one_amax.untouched());
  std::vector<std::uint8_t> codes(3 * 16);
  std::vector<fp8_e4m3> scales(4);
  float amax[1]{};
  auto const two_rows_of_scales = make_quantized_view<nvfp4_block>(
      cuda::std::span<std::uint8_t>(codes.data(), codes.size()),
      cuda::std::span<fp8_e4m3>(scales.data(), scales.size()), cuda::std::span<float>(amax),
      quantized_shape<nvfp4_block>{3, 17, 2, 1, 1});
  CHECK_THROWS_WITH_AS(quantize(in.view(), *two_rows_of_scales, plain{}),
                       "nibble::find_amax: got scales of 2 x 2, need 3 x 2; make the output with "
                       "shape_for<Quantizer>",
                       std::invalid_argument);
}

TEST_CASE("a thread that rounds otherwise or flushes subnormals is refused before any write") {
  auto const in = filled(3, 17);
  poisoned<plain> out(3, 17);
  std::fesetround(FE_UPWARD);
  CHECK_THROWS_AS(quantize(in.view(), out.view(), plain{}), std::runtime_error);
  CHECK_THROWS_AS(quantize_with_amax(in.view(), out.view(), plain{}), std::runtime_error);
  std::fesetround(FE_TONEAREST);
  CHECK(out.untouched());
#if defined(__SSE__)
  unsigned const before = _mm_getcsr();
  _mm_setcsr(before | 0x8000U);
  CHECK_THROWS_AS(quantize(in.view(), out.view(), plain{}), std::runtime_error);
  _mm_setcsr(before | 0x0040U);
  CHECK_THROWS_AS(quantize_with_amax(in.view(), out.view(), plain{}), std::runtime_error);
  _mm_setcsr(before);
  CHECK(out.untouched());
#endif
  quantize(in.view(), out.view(), plain{});
  CHECK(!out.untouched());
}
