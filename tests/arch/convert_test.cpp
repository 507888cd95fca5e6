// SPDX-License-Identifier: Apache-2.0
// The point where hardware may take over gives what format/ gives, for every format.
// runs: host device
#include <doctest/doctest.h>

#include <nibble/arch/convert.hpp>

#include "support/everywhere.hpp"

namespace arch = nibble::arch;
namespace format = nibble::format;

namespace {

NIBBLE_HD float scattered(std::uint64_t i) {
  return nibble::detail::float_from_bits(static_cast<std::uint32_t>(i * 0x9E37'79B1u));
}

constexpr std::uint64_t edges = 16;

/// Zeros, the ends of the floats and of their NaNs, and ties of a float with 16 bits less.
NIBBLE_HD float edge(std::uint64_t i) {
  constexpr std::uint32_t bits[] = {0x0000'0000u, 0x0000'0001u, 0x0000'8000u, 0x0001'8000u,
                                    0x007F'8000u, 0x3F80'8000u, 0x3F81'8000u, 0x3FFF'8000u,
                                    0x7F7E'FFFFu, 0x7F7F'7FFFu, 0x7F7F'8000u, 0x7F7F'FFFFu,
                                    0x7F80'0000u, 0x7F80'0001u, 0x7FC0'0000u, 0x7FFF'FFFFu};
  static_assert(sizeof bits / sizeof bits[0] == edges);
  return nibble::detail::float_from_bits(bits[i]);
}

// Formats that the library does not name, just beyond what an encoder of its own takes: one has the
// range of a float, one 5 bits, one a NaN among its 4 bits.
constexpr format::float_format wide_range{8, 3, 127, format::specials::nan_only};
constexpr format::float_format five_bits{2, 2, 1};
constexpr format::float_format with_nan{2, 1, 1, format::specials::nan_only};

/// A 16-bit format overflows to infinity, the small ones saturate; e8m0 rounds up.
template <format::float_format Format>
struct equals_format {
  template <class Real>
  NIBBLE_HD static std::uint32_t expected(Real value) {
    if constexpr (Format == format::e8m0) {
      return format::encode<Format, format::away_from_zero>(value);
    } else if constexpr (Format.width() == 16) {
      return format::encode<Format, format::nearest_even, format::overflow::to_special>(value);
    } else {
      return format::encode<Format>(value);
    }
  }
  NIBBLE_HD bool operator()(std::uint64_t i) const {
    float const value = i < edges ? edge(i) : scattered(i);
    // Not a float: 29 bits more, so that rounding it twice would show.
    double const wide = static_cast<double>(value) * (1.0 + 0x1p-40 * static_cast<double>(i % 3));
    auto const code = static_cast<std::uint32_t>(i);
    float const decoded = arch::decode<Format>(code);
    float const value_of_code = format::decode<Format>(code);
    return arch::encode<Format>(value) == expected(value) &&
           arch::encode<Format>(-value) == expected(-value) &&
           arch::encode<Format>(wide) == expected(wide) &&
           nibble::detail::float_bits(decoded) == nibble::detail::float_bits(value_of_code);
  }
};

struct eight_equal_one_by_one {
  NIBBLE_HD bool operator()(std::uint64_t i) const {
    float values[8];
    std::uint32_t expected = 0;
    for (std::uint64_t k = 0; k != 8; ++k) {
      values[k] = scattered(8 * i + k);
      expected |= format::encode<format::e2m1>(values[k]) << (4 * k);
    }
    return arch::encode_e2m1x8(values) == expected;
  }
};

constexpr std::uint64_t count = 1 << 20;

}  // namespace

TEST_CASE("every format converts as format/ has it") {
  CHECK(everywhere::sweep(count, equals_format<format::e2m1>{}) == 0);
  CHECK(everywhere::sweep(count, equals_format<format::e1m2>{}) == 0);
  CHECK(everywhere::sweep(count, equals_format<format::int4>{}) == 0);
  CHECK(everywhere::sweep(count, equals_format<format::e2m3>{}) == 0);
  CHECK(everywhere::sweep(count, equals_format<format::e3m2>{}) == 0);
  CHECK(everywhere::sweep(count, equals_format<format::e4m3>{}) == 0);
  CHECK(everywhere::sweep(count, equals_format<format::e5m2>{}) == 0);
  CHECK(everywhere::sweep(count, equals_format<format::e8m0>{}) == 0);
  CHECK(everywhere::sweep(count, equals_format<format::ue5m3>{}) == 0);
  CHECK(everywhere::sweep(count, equals_format<format::bf16>{}) == 0);
  CHECK(everywhere::sweep(count, equals_format<format::fp16>{}) == 0);
  CHECK(everywhere::sweep(count, equals_format<wide_range>{}) == 0);
  CHECK(everywhere::sweep(count, equals_format<five_bits>{}) == 0);
  CHECK(everywhere::sweep(count, equals_format<with_nan>{}) == 0);
}

TEST_CASE("eight codes in a word are eight codes, the first in the lowest nibble") {
  CHECK(everywhere::sweep(count / 8, eight_equal_one_by_one{}) == 0);
  constexpr float values[8] = {0.5f, -0.0f, 6.0f, -6.0f, 1e30f, 2.5f, 3.5f, -0.25f};
  static_assert(arch::encode_e2m1x8(values) == 0x864'7F781u);
}

TEST_CASE("codes are packed in order where their count is no multiple of sixteen") {
  float values[24];
  std::uint8_t codes[12];
  for (std::uint32_t i = 0; i != 24; ++i) values[i] = arch::decode<format::e2m1>(5 * i % 16);
  arch::encode_e2m1(values, codes);
  for (std::uint32_t i = 0; i != 24; ++i) CHECK((std::uint32_t{codes[i / 2]} >> (i % 2 * 4) & 15u) == 5 * i % 16);
}
