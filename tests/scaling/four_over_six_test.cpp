// SPDX-License-Identifier: Apache-2.0
// Four Over Six against the Python model's blocks and the oracle, for each metric, bound and tile.
#include <nibble/scaling/four_over_six.hpp>

#include <doctest/doctest.h>

#include <atomic>

#include "oracle/golden_blocks.hpp"
#include "support/block_witness.hpp"
#include "support/everywhere.hpp"
#include "support/scaling_laws.hpp"

using namespace nibble;

namespace {

using scaling::tile;
template <class Metric, int Bound, tile Shape = tile::row>
using policy = scaling::four_over_six<Metric, Shape, tensor_scale::current<Bound>>;
template <class Metric, int Bound, tile Shape = tile::row>
using four_over_six = quantizer<nvfp4_block, policy<Metric, Bound, Shape>>;

template <class Metric>
constexpr oracle::metric metric_of =
    std::is_same_v<Metric, scaling::squared_error>    ? oracle::metric::squared
    : std::is_same_v<Metric, scaling::absolute_error> ? oracle::metric::absolute
                                                      : oracle::metric::maximum;

// The published block under an amax of 16, bound 256: it maps to 4 by its absolute error.
constexpr float published[16] = {4,    3.90625f, 2.09375f, -1.8984375f, 1,     .8984375f,
                                 -3.09375f, 2.953125f, .400390625f, -.6015625f, 1.6015625f,
                                 -1.3984375f, 3, -2, .10009765625f, -4};
constexpr nvfp4_block to_four =
    four_over_six<scaling::absolute_error, 256>{}(published, tensor_amax{16.0f});
static_assert(to_four.scale.bits() == 0x6C);
constexpr std::uint8_t published_bytes[8] = {0x66, 0xC4, 0x22, 0x5D, 0x91, 0xB3, 0xC5, 0xE0};
static_assert([] {
  for (int i = 0; i < 8; ++i) {
    if (to_four.codes.bytes()[i] != published_bytes[i]) {
      return false;
    }
  }
  return true;
}());
// Both candidates exact: the tie goes to 6.
constexpr float exact_both_ways[16] = {6, -3, 0, 3, 6, -3, 0, 3, 6, -3, 0, 3, 6, -3, 0, 3};
static_assert(four_over_six<scaling::squared_error, 256>{}(exact_both_ways, tensor_amax{6.0f})
                  .scale.bits() == 0x78);

static_assert(std::is_same_v<scaling::four_over_six<>::outer, tensor_scale::current<256>>);

/// A metric without sums of lanes: several tiles at once are then not offered.
struct squared_one_by_one {
  static constexpr float add(float sum, float difference) noexcept {
    return scaling::squared_error::add(sum, difference);
  }
  static constexpr float merge(float a, float b) noexcept { return a + b; }
};
static_assert(scaling::policy<policy<squared_one_by_one, 256>, nvfp4_block> &&
              !scaling::chooses_each<policy<squared_one_by_one, 256>, nvfp4_block>);

template <class Metric, int Bound>
std::uint64_t row_mismatches(std::uint64_t count) {
  oracle::block_generator const generate(61);
  std::atomic<std::uint64_t> fours{0};
  std::uint64_t const wrong = everywhere::host_sweep(count, [&](std::uint64_t i) {
    oracle::test_block const in = generate(i);
    auto const expected =
        oracle::four_over_six<1>({in.values}, in.amax, metric_of<Metric>, std::uint32_t{Bound});
    fours.fetch_add(expected.map_to_four ? 1 : 0, std::memory_order_relaxed);
    nvfp4_block const made = four_over_six<Metric, Bound>{}(witness::read(in.values), witness::amax(in.amax));
    return witness::plain(made) == oracle::block{expected.scale, expected.codes[0]};
  });
  CHECK(fours > count / 10);
  CHECK(fours < count - count / 10);
  return wrong;
}

template <class Metric, int Bound>
std::uint64_t tile_mismatches(std::uint64_t count) {
  oracle::block_generator const generate(62);
  std::atomic<std::uint64_t> fours{0};
  std::uint64_t const wrong = everywhere::host_sweep(count, [&](std::uint64_t i) {
    oracle::test_tile const in = generate.tile(i);
    auto const expected =
        oracle::four_over_six<16>(in.values, in.amax, metric_of<Metric>, std::uint32_t{Bound});
    fours.fetch_add(expected.map_to_four ? 1 : 0, std::memory_order_relaxed);
    return witness::same(four_over_six<Metric, Bound, tile::square>{}(witness::read(in.values), witness::amax(in.amax)),
                         expected.scale, expected.codes);
  });
  CHECK(fours > 0);
  CHECK(fours < count);
  return wrong;
}

}  // namespace

TEST_CASE("every Four Over Six block of the Python model comes out") {
  std::uint32_t wrong = 0;
  auto const check = [&]<class Metric, int Bound>(golden::four_over_six_block const& row,
                                                  Metric, std::integral_constant<int, Bound>) {
    if (row.metric != static_cast<int>(metric_of<Metric>) || row.bound != Bound) {
      return 0;
    }
    auto const made = witness::plain(
        four_over_six<Metric, Bound>{}(witness::read(row.values), witness::amax(row.amax)));
    std::uint64_t codes = 0;
    for (std::size_t i = 0; i != 16; ++i) {
      codes |= std::uint64_t{made.codes[i]} << (4 * i);
    }
    wrong += codes == row.codes && made.scale == row.scale ? 0U : 1U;
    return 1;
  };
  int checked = 0;
  for (golden::four_over_six_block const& row : golden::four_over_six_blocks) {
    std::integral_constant<int, 256> const low;
    std::integral_constant<int, 448> const high;
    checked += check(row, scaling::squared_error{}, low) + check(row, scaling::squared_error{}, high) +
               check(row, scaling::absolute_error{}, low) + check(row, scaling::absolute_error{}, high) +
               check(row, scaling::largest_error{}, low) + check(row, scaling::largest_error{}, high);
  }
  CHECK(checked == golden::four_over_six_blocks.size());
  CHECK(wrong == 0);
}

TEST_CASE("two thousand rows and a hundred square tiles equal the oracle's for each metric") {
  CHECK(row_mismatches<scaling::squared_error, 256>(2000) == 0);
  CHECK(row_mismatches<scaling::absolute_error, 256>(2000) == 0);
  CHECK(row_mismatches<scaling::largest_error, 256>(2000) == 0);
  CHECK(tile_mismatches<scaling::squared_error, 256>(100) == 0);
  CHECK(tile_mismatches<scaling::absolute_error, 256>(100) == 0);
  CHECK(tile_mismatches<scaling::largest_error, 256>(100) == 0);
}

TEST_CASE("a million blocks by the squared error equal the oracle's under either bound") {
  CHECK(row_mismatches<scaling::squared_error, 256>(1'000'000) == 0);
  CHECK(row_mismatches<scaling::squared_error, 448>(1'000'000) == 0);
}

TEST_CASE("a million blocks by the absolute error equal the oracle's under either bound") {
  CHECK(row_mismatches<scaling::absolute_error, 256>(1'000'000) == 0);
  CHECK(row_mismatches<scaling::absolute_error, 448>(1'000'000) == 0);
}

TEST_CASE("a million blocks by the largest error equal the oracle's under either bound") {
  CHECK(row_mismatches<scaling::largest_error, 256>(1'000'000) == 0);
  CHECK(row_mismatches<scaling::largest_error, 448>(1'000'000) == 0);
}

TEST_CASE("a million blocks in square tiles, of all metrics and bounds, equal the oracle's") {
  constexpr std::uint64_t tiles = 1'000'000 / 16 / 6;
  CHECK(tile_mismatches<scaling::squared_error, 256>(tiles) == 0);
  CHECK(tile_mismatches<scaling::squared_error, 448>(tiles) == 0);
  CHECK(tile_mismatches<scaling::absolute_error, 256>(tiles) == 0);
  CHECK(tile_mismatches<scaling::absolute_error, 448>(tiles) == 0);
  CHECK(tile_mismatches<scaling::largest_error, 256>(tiles) == 0);
  CHECK(tile_mismatches<scaling::largest_error, 448>(tiles) == 0);
}

#if NIBBLE_HAS_LANES
// Else the law of tiles at once would not be tried.
static_assert(scaling::chooses_each<policy<scaling::squared_error, 256>, nvfp4_block> &&
              scaling::chooses_each<policy<scaling::largest_error, 448>, nvfp4_block> &&
              !scaling::chooses_each<policy<scaling::squared_error, 256, tile::square>, nvfp4_block>);
#endif

#if NIBBLE_HAS_LANES
TEST_CASE("of equal errors 6 wins among tiles at once too, and infinity is a magnitude") {
  using base = policy<scaling::squared_error, 256>;
  constexpr std::size_t tiles = scaling::tiles_at_once;
  float values[tiles][16]{};
  for (std::size_t t = 0; t != tiles; ++t) {
    for (std::size_t c = 0; c != 16; ++c) values[t][c] = exact_both_ways[c];
  }
  values[5][3] = detail::float_from_bits(oracle::infinity_bits);
  auto const factors = base::outer::from<fp4_e2m1>({6.0f});
  scaling::chosen<fp8_e4m3> scales[tiles]{};
  base::choose_each<nvfp4_block>(values, factors, scales);
  for (std::size_t t = 0; t != tiles; ++t) {
    CHECK(scales[t].scale.bits() == (t == 5 ? 0x7Eu : 0x78u));
  }
}
#endif

TEST_CASE("the laws hold for Four Over Six") {
  laws::hold<policy<scaling::squared_error, 256>, nvfp4_block>(50'000);
  laws::hold<policy<scaling::squared_error, 448>, nvfp4_block>(50'000);
  laws::hold<policy<scaling::largest_error, 256>, nvfp4_block>(50'000);
  laws::hold<policy<scaling::absolute_error, 256>, nvfp4_block>(50'000);
  laws::hold<policy<scaling::absolute_error, 448, tile::square>, nvfp4_block>(5'000);
}
