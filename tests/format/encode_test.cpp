// SPDX-License-Identifier: Apache-2.0
// Conversion into every format against tables of exact fractions: every code, every tie, their
// neighbours among floats and doubles, specials, and golden rows as constant expressions.
#include <doctest/doctest.h>

#include <utility>

#include <nibble/format/encode.hpp>

#include "oracle/golden_conversions.hpp"
#include "support/everywhere.hpp"
#include "support/witness.hpp"

namespace format = nibble::format;

namespace {

// In pieces, because compilers bound the steps of one constant expression.
constexpr std::size_t piece = 100;
template <std::size_t Piece>
consteval bool golden_piece() {
  for (std::size_t i = Piece * piece; i < (Piece + 1) * piece && i < golden::conversions.size();
       ++i) {
    auto const& row = golden::conversions[i];
    float const value = __builtin_bit_cast(float, row.bits);
    if (format::encode<format::e2m1>(value) != row.e2m1)
      return false;
    if (format::encode_by_comparison<format::e2m1>(value) != row.e2m1)
      return false;
    if (format::encode<format::e4m3>(value) != row.e4m3)
      return false;
  }
  return true;
}
template <std::size_t... Pieces>
consteval bool golden_all(std::index_sequence<Pieces...>) {
  return (std::bool_constant<golden_piece<Pieces>()>::value && ...);
}
static_assert(golden::conversions.size() >= 2000);
static_assert(golden_all(std::make_index_sequence<golden::conversions.size() / piece + 1>{}));

/// A number below the smallest step of e2m1 is rounded up by exactly floor(2^32 number / step) of all
/// words, the largest ones. From a half step down until no word is left, and on to where a shift of
/// its 64 bits would be 64 and 128, which no constant expression may do.
///
/// value    a quarter (half a step) up to a half
/// leading  its highest 33 bits
template <class Real>
consteval bool goes_up_for_its_share(Real value, std::uint64_t leading) {
  using by_word = format::stochastic<32>;
  for (int halvings = 1; halvings != 140; ++halvings, value /= 2) {
    auto const words = static_cast<std::uint32_t>(halvings < 64 ? leading >> halvings : 0);
    std::uint32_t const first = 0u - words, last_below = ~words;
    if (format::encode<format::e2m1, by_word>(value, first) != (words != 0 ? 1u : 0u)) return false;
    if (format::encode<format::e2m1, by_word>(value, last_below) != 0) return false;
  }
  return true;
}
static_assert(goes_up_for_its_share(0x1.23456789ABCDEp-2, 0x1'2345'6789u));
static_assert(goes_up_for_its_share(0x1.234566p-2f, 0x1'2345'6600u));

// The highest bit of a subnormal's significand comes to stand where that of other floats does.
static_assert(format::dissect(0x1.8p-148f).exponent == -148 &&
              format::dissect(0x1.8p-148f).significand == 0xC0'0000u);

// Even one random bit makes a rule that can go up, so what is too large becomes infinity.
static_assert(format::encode<format::e5m2, format::stochastic<1>, format::overflow::to_special>(
                  0x1p17f, 0) == 0x7C);

// No format of the library has neither zero nor an empty mantissa: the hidden bit then counts.
constexpr format::float_format without_zero{3, 2, 3, format::specials::none, true, false};
consteval bool keeps_codes_without_zero() {
  for (std::uint32_t code = 0; code <= without_zero.mask(); ++code) {
    if (format::encode<without_zero>(format::decode<without_zero>(code)) != code) return false;
  }
  return format::decode<without_zero>(0) == 0.125f && format::encode<without_zero>(0.0f) == 0;
}
static_assert(keeps_codes_without_zero());

/// The 32-bit encoder on every exponent of a float: in a constant expression no shift may be too far.
consteval bool takes_every_exponent() {
  for (std::uint32_t bits = 0; bits < nibble::detail::infinity_bits; bits += 0x40'0000u) {
    float const value = nibble::detail::float_from_bits(bits + 1);
    if (format::encode_nearest_even<format::e2m3>(value) != format::encode<format::e2m3>(value)) {
      return false;
    }
  }
  return true;
}
static_assert(takes_every_exponent());

template <format::float_format Format, class Rule, format::overflow Overflow, class Real>
std::uint32_t mismatches(std::vector<Real> const& values, oracle::direction rounding) {
  auto const& table = witness::table<Format>();
  auto const above = Overflow == format::overflow::saturate ? oracle::overflow::saturate
                                                            : oracle::overflow::special;
  std::uint32_t wrong = 0;
  for (Real const value : values) {
    std::uint32_t const expected = table.encode(witness::exactly(value), rounding, above);
    std::uint32_t const actual = format::encode<Format, Rule, Overflow>(value);
    if (actual != expected && wrong++ == 0) {
      MESSAGE(table.definition().name, ": ", value, " gives ", actual, ", expected ", expected);
    }
  }
  return wrong;
}

template <format::float_format Format, class Real>
std::uint32_t mismatches_of_every_rule(std::vector<Real> const& values) {
  using enum format::overflow;
  using oracle::direction;
  return mismatches<Format, format::nearest_even, saturate>(values, direction::nearest_even) +
         mismatches<Format, format::nearest_away, saturate>(values, direction::nearest_away) +
         mismatches<Format, format::toward_zero, saturate>(values, direction::toward_zero) +
         mismatches<Format, format::away_from_zero, saturate>(values, direction::upward) +
         mismatches<Format, format::nearest_even, to_special>(values, direction::nearest_even) +
         mismatches<Format, format::toward_zero, to_special>(values, direction::toward_zero);
}

std::vector<double> hard_doubles(oracle::table const& table) {
  std::vector<double> result;
  for (double const value : witness::values_and_ties(table)) {
    auto const bits = std::bit_cast<std::uint64_t>(value);
    for (std::uint64_t step = 0; step != 3; ++step) {
      std::uint64_t const magnitude = (bits + step - 1) & ~(std::uint64_t{1} << 63);
      result.push_back(std::bit_cast<double>(magnitude));
      result.push_back(-std::bit_cast<double>(magnitude));
    }
  }
  constexpr std::uint64_t specials[] = {0x0000'0000'0000'0001u, 0x000F'FFFF'FFFF'FFFFu,
                                        0x0010'0000'0000'0000u, 0x3690'0000'0000'0000u,
                                        0x47EF'FFFF'E000'0000u, 0x47EF'FFFF'FFFF'FFFFu,
                                        0x7FEF'FFFF'FFFF'FFFFu, 0x7FF0'0000'0000'0000u,
                                        0x7FF0'0000'0000'0001u, 0x7FF8'0000'0000'0000u};
  for (std::uint64_t const bits : specials) {
    result.push_back(std::bit_cast<double>(bits));
    result.push_back(std::bit_cast<double>(bits | std::uint64_t{1} << 63));
  }
  return result;
}

template <format::float_format Format>
struct comparison_equals_arithmetic {
  NIBBLE_HD bool operator()(std::uint64_t i) const {
    float const value =
        nibble::detail::float_from_bits(static_cast<std::uint32_t>(i * 255 + i / 997));
    return format::encode_by_comparison<Format>(value) == format::encode<Format>(value);
  }
};

}  // namespace

TEST_CASE("golden rows hold at run time") {
  std::uint32_t wrong = 0;
  for (auto const& row : golden::conversions) {
    float const value = std::bit_cast<float>(row.bits);
    wrong += format::encode<format::e2m1>(value) != row.e2m1;
    wrong += format::encode_by_comparison<format::e2m1>(value) != row.e2m1;
    wrong += format::encode<format::e4m3>(value) != row.e4m3;
    wrong += format::encode<format::e4m3>(static_cast<double>(value)) != row.e4m3;
  }
  CHECK(wrong == 0);
}

// bugs: B9
TEST_CASE("encode undoes decode on every code that is no NaN") {
  witness::for_every_format([]<format::float_format Format>() {
    CAPTURE(witness::table<Format>().definition().name);
    std::uint32_t wrong = 0;
    for (std::uint32_t code = 0; code <= Format.mask(); ++code) {
      std::uint32_t const back =
          format::encode<Format, format::nearest_even, format::overflow::to_special>(
              format::decode<Format>(code));
      wrong += Format.is_nan(code) ? back != Format.nan_code() : back != code;
    }
    CHECK(wrong == 0);
  });
}

// bugs: B1 B6 B7 B12
TEST_CASE("values, ties and their neighbouring floats round as exact fractions do") {
  witness::for_every_format([]<format::float_format Format>() {
    CHECK(mismatches_of_every_rule<Format>(witness::hard_floats(witness::table<Format>())) == 0);
  });
}

// bugs: B3
TEST_CASE("values, ties and their neighbouring doubles round once, not first to float") {
  witness::for_every_format([]<format::float_format Format>() {
    CHECK(mismatches_of_every_rule<Format>(hard_doubles(witness::table<Format>())) == 0);
  });
}

// bugs: B5 B14 B15
TEST_CASE("zeros, subnormals, infinities and NaNs of both signs go where the tables say") {
  std::vector<float> specials;
  for (std::uint32_t const bits : witness::special_floats) {
    specials.push_back(std::bit_cast<float>(bits));
  }
  witness::for_every_format([&]<format::float_format Format>() {
    CHECK(mismatches_of_every_rule<Format>(specials) == 0);
  });
}

// bugs: B2
TEST_CASE("all bf16 and fp16 numbers round as exact fractions do") {
  std::vector<float> all;
  for (std::uint32_t code = 0; code != 0x10000; ++code) {
    all.push_back(format::decode<format::bf16>(code));
    all.push_back(format::decode<format::fp16>(code));
  }
  witness::for_every_format([&]<format::float_format Format>() {
    CHECK(mismatches<Format, format::nearest_even, format::overflow::saturate>(
              all, oracle::direction::nearest_even) == 0);
  });
}

// bugs: A17
TEST_CASE("every power of two, and the floats next to it, round as exact fractions do") {
  std::vector<float> powers;
  for (std::uint32_t exponent = 0; exponent != 255; ++exponent) {
    for (std::uint32_t const mantissa : {0u, 1u, 2u, 0x3FFFFFu, 0x400000u, 0x400001u, 0x7FFFFFu}) {
      powers.push_back(std::bit_cast<float>(exponent << 23 | mantissa));
      powers.push_back(-powers.back());
    }
  }
  witness::for_every_format(
      [&]<format::float_format Format>() { CHECK(mismatches_of_every_rule<Format>(powers) == 0); });
}

TEST_CASE("comparing with thresholds gives the code that arithmetic gives") {
  constexpr std::uint64_t count = (std::uint64_t{1} << 32) / 255;
  CHECK(everywhere::host_sweep(count, comparison_equals_arithmetic<format::e2m1>{}) == 0);
  CHECK(everywhere::host_sweep(count, comparison_equals_arithmetic<format::e1m2>{}) == 0);
  CHECK(everywhere::host_sweep(count, comparison_equals_arithmetic<format::int4>{}) == 0);
}

namespace {

template <format::float_format Format>
std::uint32_t mismatches_in_32_bits() {
  std::uint32_t wrong = 0;
  if constexpr (Format.exponent_bits < 8 && Format.has_zero) {
    std::vector<float> values = witness::hard_floats(witness::table<Format>());
    for (std::uint32_t const bits : witness::special_floats) {
      values.push_back(nibble::detail::float_from_bits(bits));
    }
    for (float const value : values) {
      if (format::encode_nearest_even<Format>(value) != format::encode<Format>(value)) ++wrong;
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("the encoder in 32-bit arithmetic gives the codes of the general one, on every tie") {
  witness::for_every_format(
      [&]<format::float_format Format>() { CHECK(mismatches_in_32_bits<Format>() == 0); });
}
