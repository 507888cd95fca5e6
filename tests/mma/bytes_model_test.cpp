// SPDX-License-Identifier: Apache-2.0
// The model of the atom m16n8k32 against sums of 128 bits that know nothing of fragments.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <nibble/mma/bytes_model.hpp>

#include "mma/warp_operands.hpp"

namespace {

using namespace nibble;
using fixture::fill_scales;
__extension__ using wide = __int128;

/// An element in units of 2^-16, by its fields.
template <class Element>
std::int64_t units(std::uint8_t byte) {
  constexpr auto f = Element::format;
  unsigned const code = std::is_same_v<Element, fp4_e2m1> ? byte >> 2 & 15u : byte & f.mask();
  unsigned const exponent = code >> f.mantissa_bits & ((1u << f.exponent_bits) - 1u);
  auto const fraction = static_cast<std::int64_t>(code & ((1u << f.mantissa_bits) - 1u));
  std::int64_t const significand = exponent == 0 ? fraction : fraction + (1 << f.mantissa_bits);
  int const shift = 16 + static_cast<int>(exponent == 0 ? 1 : exponent) - f.bias - f.mantissa_bits;
  return (code & f.sign_mask() ? -significand : significand) * (std::int64_t{1} << shift);
}

template <class Block>
std::uint8_t finite(oracle::bit_source& random) {
  using element = typename Block::element_type;
  constexpr auto f = element::format;
  auto const magnitude = static_cast<std::uint32_t>(random.below(f.max_code() + 1));
  auto const bits = magnitude | (random.below(2) != 0 ? f.sign_mask() : 0u);
  return static_cast<std::uint8_t>(mma::byte_of<element>::from(element::from_bits(bits)));
}

template <class A, class B>
fixture::warp_bytes random_bytes(std::uint64_t seed) {
  oracle::bit_source random(seed);
  fixture::warp_bytes m;
  for (auto& row : m.a) for (auto& byte : row) byte = finite<A>(random);
  for (auto& row : m.b) for (auto& byte : row) byte = finite<B>(random);
  for (auto& row : m.scale_a) for (auto& byte : row) byte = static_cast<std::uint8_t>(120 + random.below(14));
  for (auto& row : m.scale_b) for (auto& byte : row) byte = static_cast<std::uint8_t>(120 + random.below(14));
  return m;
}

template <class A, class B, class Select = mma::selector<>>
fixture::warp_bytes multiplied(fixture::warp_bytes m) {
  auto warp = fixture::fragments_of(m, Select::lane_a, Select::lane_b);
  mma::model_bytes<A, B, Select>(warp.d, warp.a, warp.b);
  fixture::take_sums(warp.d, m.d);
  return m;
}

/// Sums that are not the exact ones, rounded once. d is a multiple of the products' unit.
template <class A, class B>
int wrong() {
  int count = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    auto m = random_bytes<A, B>(seed);
    oracle::bit_source random(seed + 100);
    for (auto& row : m.d) {
      for (auto& value : row) {
        value = std::ldexp(static_cast<float>(random.below(1u << 24)) - 0x1p23f, static_cast<int>(random.below(50)) - 32);
      }
    }
    auto const result = multiplied<A, B>(m);
    for (int row = 0; row < 16; ++row) {
      for (int column = 0; column < 8; ++column) {
        wide sum = 0;
        for (int k = 0; k < 32; ++k) {
          sum += static_cast<wide>(units<typename A::element_type>(m.a[row][k])) * units<typename B::element_type>(m.b[column][k]);
        }
        // In units of 2^-46: products of 2^-32 under scales down to 2^-14.
        sum <<= m.scale_a[row][0] + m.scale_b[column][0] - 240;
        sum += static_cast<wide>(std::ldexp(m.d[row][column], 46));
        count += result.d[row][column] != std::ldexp(static_cast<float>(sum), -46);
      }
    }
  }
  return count;
}

template <class A>
void check_against_all() {
  CHECK(wrong<A, mxfp8_block>() == 0);
  CHECK(wrong<A, mxfp8_e5m2_block>() == 0);
  CHECK(wrong<A, mxfp6_e2m3_block>() == 0);
  CHECK(wrong<A, mxfp6_e3m2_block>() == 0);
  CHECK(wrong<A, mxfp4_block>() == 0);
}

}  // namespace

TEST_CASE("every format by every format: the exact sums, rounded once") {
  check_against_all<mxfp8_block>();
  check_against_all<mxfp8_e5m2_block>();
  check_against_all<mxfp6_e2m3_block>();
  check_against_all<mxfp6_e3m2_block>();
  check_against_all<mxfp4_block>();
}

TEST_CASE("one byte against a column of bytes reaches one row, for every row and k") {
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < 32; ++k) {
      fixture::warp_bytes m;
      fill_scales(m, 127);
      m.a[row][k] = 0x38;  // 1 in e4m3
      for (int column = 0; column < 8; ++column) m.b[column][k] = static_cast<std::uint8_t>(0x08 + column);
      auto const result = multiplied<mxfp8_block, mxfp6_e2m3_block>(m);
      for (int r = 0; r < 16; ++r) {
        for (int column = 0; column < 8; ++column) {
          CHECK(result.d[r][column] == (r == row ? 1.0f + 0.125f * static_cast<float>(column) : 0.0f));
        }
      }
    }
  }
}

TEST_CASE("a selector takes one byte of its lanes, and no others") {
  auto const m = random_bytes<mxfp8_block, mxfp4_block>(3);
  auto const expected = multiplied<mxfp8_block, mxfp4_block>(m);
  auto shifted = m;
  for (int row = 0; row < 16; ++row) shifted.scale_a[row][3] = m.scale_a[row][0], shifted.scale_a[row][0] = 0;
  for (int column = 0; column < 8; ++column) shifted.scale_b[column][1] = m.scale_b[column][0], shifted.scale_b[column][0] = 255;
  auto const second = multiplied<mxfp8_block, mxfp4_block, mma::selector<1, 2>>(m);
  auto const third = multiplied<mxfp8_block, mxfp4_block, mma::selector<0, 3, 3, 1>>(shifted);
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      CHECK(second.d[row][column] == expected.d[row][column]);
      CHECK(third.d[row][column] == expected.d[row][column]);
    }
  }
}

TEST_CASE("NaN and infinity reach what they should, and nothing else") {
  fixture::warp_bytes m;
  fill_scales(m, 127);
  for (auto& row : m.a) for (auto& byte : row) byte = 0x3C;  // 1 in e5m2
  for (auto& row : m.b) for (auto& byte : row) byte = 0x3C;
  m.a[1][7] = 0x7C;                     // infinity
  m.a[2][8] = 0xFC, m.a[2][9] = 0x7C;   // both
  m.a[3][30] = 0x7D;                    // NaN
  m.a[4][4] = 0x7C, m.b[5][4] = 0;      // infinity times zero in column 5
  m.scale_a[6][0] = 255;
  m.d[7][0] = std::numeric_limits<float>::infinity();
  m.d[1][0] = -std::numeric_limits<float>::infinity();
  auto const result = multiplied<mxfp8_e5m2_block, mxfp8_e5m2_block>(m);
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      float const got = result.d[row][column];
      bool const is_nan = row == 2 || row == 3 || row == 6 || (row == 4 && column == 5) || (row == 1 && column == 0);
      bool const is_infinite = row == 1 || row == 4 || (row == 7 && column == 0);
      CHECK(std::isnan(got) == is_nan);
      if (!is_nan) CHECK(got == (is_infinite ? std::numeric_limits<float>::infinity() : column == 5 ? 31.0f : 32.0f));
    }
  }
}

TEST_CASE("the model of bytes works in constant expressions") {
  constexpr float sum = [] {
    mma::a_fragment a[32] = {};
    mma::b_fragment b[32] = {};
    mma::sum_fragment d[32] = {};
    a[0] = {{0x38, 0, 0, 0}, 128};
    b[0] = {{0x1C, 0}, 127};  // 6 in e2m1, two bits up
    mma::model_bytes<mxfp8_block, mxfp4_block>(d, a, b);
    return d[0].values[0];
  }();
  static_assert(sum == 12.0f);
}
