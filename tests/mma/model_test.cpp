// SPDX-License-Identifier: Apache-2.0
// The model of the atom against integer sums that know nothing of fragments.
#include <doctest/doctest.h>

#include <cmath>

#include <nibble/mma/model.hpp>

#include "mma/warp_operands.hpp"

namespace {

using namespace nibble;

constexpr int halves[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// An E4M3 code in units of 2^-9.
std::int64_t units_of_e4m3(unsigned code) {
  unsigned const exponent = code >> 3 & 15, mantissa = code & 7;
  return exponent == 0 ? mantissa : std::int64_t{8 + mantissa} << (exponent - 1);
}

/// An E8M0 code in units of 2^-27: the tests stay between codes 107 and 147.
std::int64_t units_of_e8m0(unsigned code) { return std::int64_t{1} << (code - 100); }

struct exact_sum {
  std::int64_t units;      // 2^-20 for NVFP4, 2^-56 for MXFP4
  std::int64_t magnitude;  // the sum of the terms' magnitudes
};

template <class Block>
exact_sum sum_of(fixture::warp_matrices const& m, int row, int column) {
  constexpr bool is_mx = Block::size == 32;
  exact_sum result{};
  for (int first = 0; first < 64; first += Block::size) {
    std::int64_t quarters = 0;
    for (int k = first; k < first + Block::size; ++k) {
      quarters += std::int64_t{halves[m.a[row][k]]} * halves[m.b[column][k]];
    }
    unsigned const a = m.scale_a[row][first / Block::size], b = m.scale_b[column][first / Block::size];
    std::int64_t const scale =
        is_mx ? units_of_e8m0(a) * units_of_e8m0(b) : units_of_e4m3(a) * units_of_e4m3(b);
    result.units += quarters * scale;
    result.magnitude += std::abs(quarters * scale);
  }
  return result;
}

template <class Block, class Select = mma::selector<>>
fixture::warp_matrices multiplied(fixture::warp_matrices m) {
  auto warp = fixture::fragments_of(m, Select::lane_a, Select::lane_b);
  mma::model<Block, Select>(warp.d, warp.a, warp.b);
  fixture::take_sums(warp.d, m.d);
  return m;
}

/// How many of the 128 sums are not exact although they fit, or are farther off than the bound.
template <class Block>
int wrong(fixture::warp_matrices const& m) {
  constexpr double unit = Block::size == 32 ? 0x1p-56 : 0x1p-20;
  auto const result = multiplied<Block>(m);
  int count = 0;
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      auto const expected = sum_of<Block>(m, row, column);
      auto const exact = static_cast<double>(expected.units) * unit;
      auto const magnitude = static_cast<double>(expected.magnitude) * unit;
      auto const got = static_cast<double>(result.d[row][column]);
      // Every partial sum is a multiple of the terms' common power of two, and below magnitude.
      bool const fits = expected.magnitude < (std::int64_t{1} << 24);
      count += fits ? got != exact : !(std::abs(got - exact) <= 0x1p-22 * magnitude);
    }
  }
  return count;
}

}  // namespace

TEST_CASE("NVFP4: sums that fit 24 bits are the integer ones") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    CHECK(wrong<nvfp4_block>(fixture::random_matrices(seed, 1, 24)) == 0);
  }
}

TEST_CASE("NVFP4: any scales stay within the bound") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    CHECK(wrong<nvfp4_block>(fixture::random_matrices(seed, 0, 0x7E)) == 0);
  }
}

TEST_CASE("MXFP4: sums are the integer ones, or within the bound") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    CHECK(wrong<mxfp4_block>(fixture::random_matrices(seed, 100, 103)) == 0);
    CHECK(wrong<mxfp4_block>(fixture::random_matrices(seed, 102, 118)) == 0);
  }
}

TEST_CASE("one code against one code reaches one sum, for every row, k and column") {
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < 64; ++k) {
      fixture::warp_matrices m;
      fixture::fill_scales(m, 0x38);
      m.a[row][k] = 2;
      for (int column = 0; column < 8; ++column) m.b[column][k] = static_cast<std::uint8_t>(column);
      auto const result = multiplied<nvfp4_block>(m);
      for (int r = 0; r < 16; ++r) {
        for (int column = 0; column < 8; ++column) {
          CHECK(result.d[r][column] == (r == row ? 0.5f * static_cast<float>(halves[column]) : 0.0f));
        }
      }
    }
  }
}

TEST_CASE("a selector takes the scales of its lanes and bytes, and no others") {
  auto const m = fixture::random_matrices(3, 0x30, 0x40);
  auto const expected = multiplied<nvfp4_block>(m);
  auto const second = multiplied<nvfp4_block, mma::selector<1, 3>>(m);
  auto const third = multiplied<nvfp4_block, mma::selector<0, 2>>(m);
  auto mx = fixture::random_matrices(4, 120, 134), shifted = mx;
  for (int byte = 0; byte < 2; ++byte) {
    for (int row = 0; row < 16; ++row) shifted.scale_a[row][byte + 2] = mx.scale_a[row][byte];
  }
  auto const low = multiplied<mxfp4_block>(mx);
  auto const high = multiplied<mxfp4_block, mma::selector<1, 1, 2, 0>>(shifted);
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      CHECK(second.d[row][column] == expected.d[row][column]);
      CHECK(third.d[row][column] == expected.d[row][column]);
      CHECK(high.d[row][column] == low.d[row][column]);
    }
  }
}

TEST_CASE("a NaN scale makes NaN of its row or column alone") {
  auto m = fixture::random_matrices(5, 0x30, 0x40);
  m.scale_a[3][2] = 0x7F;
  m.scale_b[6][0] = 0x7F;
  auto const result = multiplied<nvfp4_block>(m);
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      CHECK(std::isnan(result.d[row][column]) == (row == 3 || column == 6));
    }
  }
}

TEST_CASE("a term is added with one rounding, as the fused operation does") {
  oracle::bit_source random(6);
  int different = 0;
  for (int i = 0; i < 200'000; ++i) {
    // Factors of 12 bits and a sum near their product: cancellation, ties, and sticky bits far below.
    auto const x = static_cast<float>(static_cast<int>(random.below(8191)) - 4095);
    auto const y = static_cast<float>(random.below(4095)) * std::ldexp(1.0f, static_cast<int>(random.below(80)) - 40);
    float const near = -x * y * (1.0f + static_cast<float>(random.below(9)) * 0x1p-23f);
    float const c = random.below(2) != 0 ? near : std::ldexp(near, static_cast<int>(random.below(60)) - 30);
    float const got = mma::detail::add_once(c, static_cast<double>(x) * static_cast<double>(y));
    different += got != std::fma(x, y, c);
  }
  CHECK(different == 0);
  CHECK(mma::detail::add_once(nibble::detail::largest_float, 0x1p127) == std::numeric_limits<float>::infinity());
  CHECK(mma::detail::add_once(0.0f, 0x1p-149 * 0.5) == 0.0f);
  CHECK(mma::detail::add_once(0.0f, 0x1p-149 * 0.75) == 0x1p-149f);
}

TEST_CASE("the model works in constant expressions") {
  constexpr float sum = [] {
    mma::a_fragment a[32] = {};
    mma::b_fragment b[32] = {};
    mma::sum_fragment d[32] = {};
    a[0] = {{0x2, 0, 0, 0}, 0x38};
    b[0] = {{0x7, 0}, 0x40};
    mma::model<nvfp4_block>(d, a, b);
    return d[0].values[0];
  }();
  static_assert(sum == 12.0f);  // 1 * 1 times 6 * 2
}
