// SPDX-License-Identifier: Apache-2.0
// Who checks the witness: its format tables against known values and the Python model's rows.
#include "oracle/formats.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "oracle/blocks.hpp"
#include "oracle/golden_conversions.hpp"
#include "oracle/golden_stochastic.hpp"

namespace {

using oracle::direction;
using oracle::from_binary32;
using oracle::table_of;

/// The code's value as binary32, NaN as the quiet one.
std::uint32_t decoded(oracle::format const& which, std::uint32_t code) {
  oracle::number const value = table_of(which).decode(code);
  if (value.type == oracle::kind::nan)
    return oracle::quiet_nan_bits;
  std::uint32_t const sign = value.value.negative ? oracle::sign_mask : 0;
  if (value.type == oracle::kind::infinite)
    return sign | oracle::infinity_bits;
  return oracle::round_to_binary32(value.value);
}

std::uint32_t converted(oracle::format const& which, std::uint32_t bits) {
  return table_of(which).convert(from_binary32(bits));
}

constexpr std::uint32_t plus_infinity = oracle::infinity_bits;
constexpr std::uint32_t minus_infinity = oracle::infinity_bits | oracle::sign_mask;

}  // namespace

TEST_CASE("the witness's small tables hold the values that their names promise") {
  constexpr std::array<std::uint32_t, 8> e2m1_quarters{0, 2, 4, 6, 8, 12, 16, 24};
  for (std::uint32_t code = 0; code != 8; ++code) {
    auto const quarters = [](std::uint32_t count) {
      return oracle::round_to_binary32(false, std::uint64_t{count}, -2);
    };
    CHECK(decoded(oracle::e2m1, code) == quarters(e2m1_quarters[code]));
    CHECK(decoded(oracle::e1m2, code) == quarters(code));
    CHECK(decoded(oracle::int4, code) == quarters(4 * code));
    CHECK(decoded(oracle::e2m1, code + 8) == (quarters(e2m1_quarters[code]) | oracle::sign_mask));
  }
}

TEST_CASE("the witness's tables end where the formats do") {
  CHECK(decoded(oracle::e2m3, 0x1F) == 0x40F00000U);  // 7.5
  CHECK(decoded(oracle::e3m2, 0x1F) == 0x41E00000U);  // 28
  CHECK(decoded(oracle::e4m3, 0x01) == 0x3B000000U);  // 2^-9
  CHECK(decoded(oracle::e4m3, 0x7E) == 0x43E00000U);  // 448
  CHECK(decoded(oracle::e4m3, 0x7F) == oracle::quiet_nan_bits);
  CHECK(decoded(oracle::e4m3, 0xFF) == oracle::quiet_nan_bits);
  CHECK(decoded(oracle::e5m2, 0x01) == 0x37800000U);  // 2^-16
  CHECK(decoded(oracle::e5m2, 0x7B) == 0x47600000U);  // 57344
  CHECK(decoded(oracle::e5m2, 0x7C) == plus_infinity);
  CHECK(decoded(oracle::e5m2, 0xFC) == minus_infinity);
  CHECK(decoded(oracle::e5m2, 0x7D) == oracle::quiet_nan_bits);
  CHECK(decoded(oracle::e8m0, 0x00) == 0x00400000U);  // 2^-127
  CHECK(decoded(oracle::e8m0, 0xFE) == 0x7F000000U);  // 2^127
  CHECK(decoded(oracle::e8m0, 0xFF) == oracle::quiet_nan_bits);
  CHECK(decoded(oracle::ue5m3, 0x01) == 0x37000000U);  // 2^-17
  CHECK(decoded(oracle::ue5m3, 0xFE) == 0x47E00000U);  // 114688
  CHECK(decoded(oracle::ue5m3, 0xFF) == oracle::quiet_nan_bits);
  CHECK(decoded(oracle::fp16, 0x7BFF) == 0x477FE000U);  // 65504
  CHECK(decoded(oracle::fp16, 0x0001) == 0x33800000U);  // 2^-24
  for (std::uint32_t code = 0; code != 0x7F80U; ++code) {
    if (decoded(oracle::bf16, code) != code << 16)
      FAIL_CHECK("bf16 code ", code);
  }
}

TEST_CASE("every code of every table converts back to itself") {
  for (oracle::format const& which : oracle::all_formats) {
    CAPTURE(which.name);
    std::uint32_t wrong = 0;
    std::uint32_t tried = 0;
    for (std::uint32_t code = 0; code != table_of(which).codes(); ++code) {
      oracle::number const value = table_of(which).decode(code);
      if (value.type != oracle::kind::finite)
        continue;
      ++tried;
      for (direction const rounding : {direction::nearest_even, direction::nearest_away,
                                       direction::toward_zero, direction::upward}) {
        wrong += table_of(which).encode(value, rounding) == code ? 0U : 1U;
      }
    }
    CHECK(tried != 0);
    CHECK(wrong == 0);
  }
}

TEST_CASE("the witness gives special values the codes that CUDA's conversions give") {
  for (std::uint32_t const nan : {0x7FC00000U, 0xFFC00000U, 0x7F800001U, 0xFFFFFFFFU}) {
    CHECK(converted(oracle::e2m1, nan) == 0x7);
    CHECK(converted(oracle::e2m3, nan) == 0x1F);
    CHECK(converted(oracle::e3m2, nan) == 0x1F);
    CHECK(converted(oracle::e4m3, nan) == 0x7F);
    CHECK(converted(oracle::e5m2, nan) == 0x7F);
    CHECK(converted(oracle::e8m0, nan) == 0xFF);
    CHECK(converted(oracle::ue5m3, nan) == 0xFF);
    CHECK(converted(oracle::fp16, nan) == 0x7FFF);
    CHECK(converted(oracle::bf16, nan) == 0x7FFF);
  }
  CHECK(converted(oracle::e2m1, plus_infinity) == 0x7);
  CHECK(converted(oracle::e2m1, minus_infinity) == 0xF);
  CHECK(converted(oracle::e4m3, plus_infinity) == 0x7E);
  CHECK(converted(oracle::e4m3, minus_infinity) == 0xFE);
  CHECK(converted(oracle::e5m2, minus_infinity) == 0xFB);
  CHECK(converted(oracle::e8m0, plus_infinity) == 0xFE);
  CHECK(converted(oracle::ue5m3, plus_infinity) == 0xFE);
  CHECK(converted(oracle::ue5m3, minus_infinity) == 0x00);
  CHECK(converted(oracle::fp16, minus_infinity) == 0xFC00);
  CHECK(converted(oracle::bf16, oracle::largest_bits) == 0x7F80);
  CHECK(converted(oracle::e2m1, 0x80000000U) == 0x8);
  CHECK(converted(oracle::e2m1, 0x80000001U) == 0x8);
  CHECK(converted(oracle::e4m3, 0x80000001U) == 0x80);
  CHECK(converted(oracle::ue5m3, 0x80000000U) == 0x00);
  CHECK(converted(oracle::ue5m3, 0xC0000000U) == 0x00);
}

TEST_CASE("the witness takes e8m0 upward in magnitude, its ends included") {
  CHECK(converted(oracle::e8m0, 0x00000000U) == 0x00);
  CHECK(converted(oracle::e8m0, 0x80000000U) == 0x00);
  CHECK(converted(oracle::e8m0, 0x00400000U) == 0x00);  // 2^-127
  CHECK(converted(oracle::e8m0, 0x00400001U) == 0x01);
  CHECK(converted(oracle::e8m0, 0x00800000U) == 0x01);
  CHECK(converted(oracle::e8m0, 0x3F800000U) == 0x7F);
  CHECK(converted(oracle::e8m0, 0x3F800001U) == 0x80);
  CHECK(converted(oracle::e8m0, 0xBF800001U) == 0x80);
  CHECK(converted(oracle::e8m0, oracle::largest_bits) == 0xFE);
}

TEST_CASE("the witness overflows to a special value where asked, from half a step on") {
  auto const special = [](oracle::format const& which, std::uint32_t bits) {
    return table_of(which).encode(from_binary32(bits), direction::nearest_even,
                                  oracle::overflow::special);
  };
  CHECK(special(oracle::e4m3, 0x43E80000U) == 0x7E);  // 464: a tie, to the even code
  CHECK(special(oracle::e4m3, 0x43E80001U) == 0x7F);
  CHECK(special(oracle::e5m2, 0x476FFFFFU) == 0x7B);
  CHECK(special(oracle::e5m2, 0x47700000U) == 0x7C);  // 61440: a tie
  CHECK(special(oracle::e5m2, minus_infinity) == 0xFC);
  CHECK(special(oracle::e2m1, plus_infinity) == 0x7);
}

TEST_CASE("the witness rounds a binary64 number once") {
  // 1.25 + 2^-50 is above the tie of e2m1, though its binary32 neighbour is the tie itself.
  CHECK(table_of(oracle::e2m1).convert(oracle::from_binary64(0x3FF4000000000000U)) == 2);
  CHECK(table_of(oracle::e2m1).convert(oracle::from_binary64(0x3FF4000000000004U)) == 3);
}

TEST_CASE("the two models agree on every golden conversion") {
  std::uint32_t wrong = 0;
  for (golden::conversion const& row : golden::conversions) {
    wrong += converted(oracle::e2m1, row.bits) == row.e2m1 ? 0U : 1U;
    wrong += converted(oracle::e4m3, row.bits) == row.e4m3 ? 0U : 1U;
  }
  CHECK(golden::conversions.size() >= 2000);
  CHECK(wrong == 0);
}

TEST_CASE("the two models agree on every golden stochastic rounding") {
  oracle::table const& target = table_of(oracle::e2m1);
  std::uint32_t wrong = 0;
  for (golden::stochastic_rounding const& row : golden::stochastic_roundings) {
    oracle::number const x = from_binary32(row.bits);
    wrong += target.encode(x, direction::toward_zero) == row.low ? 0U : 1U;
    wrong += target.encode(x, direction::upward) == row.high ? 0U : 1U;
    wrong += target.discarded_fraction(x, 24) == row.away_from_zero ? 0U : 1U;
    wrong += target.discarded_fraction(x, 8) == row.away_from_zero >> 16 ? 0U : 1U;
    std::uint32_t away = 0;
    for (std::uint32_t word = 0; word != 256; ++word) {
      away += target.encode_stochastic(x, word, 8) == row.low ? 0U : 1U;
    }
    wrong += away == (row.low == row.high ? 0 : row.away_from_zero >> 16) ? 0U : 1U;
  }
  CHECK(golden::stochastic_roundings.size() == 1507);
  CHECK(wrong == 0);
}

TEST_CASE("the interval tables have one row for each run of equal codes") {
  // 8 codes of each sign, and the negative NaN, which goes where +6 does.
  CHECK(oracle::interval_table(oracle::e2m1).rows().size() == 17);
  CHECK(oracle::interval_table(oracle::e4m3).rows().size() == 256);
}

TEST_CASE("the interval tables say what the search says, at every row's ends and between") {
  oracle::bit_source random(21);
  for (oracle::format const& which : oracle::all_formats) {
    CAPTURE(which.name);
    oracle::interval_table const intervals(which);
    std::uint32_t wrong = 0;
    auto const compare = [&](std::uint32_t bits) {
      wrong += intervals.expected_code(bits) == converted(which, bits) ? 0U : 1U;
    };
    for (oracle::interval_table::row const& row : intervals.rows()) {
      compare(row.first);
      if (row.first != 0)
        compare(row.first - 1);
      compare(row.first + 1);
    }
    for (int round = 0; round != 20'000; ++round) {
      compare(static_cast<std::uint32_t>(random.next()));
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("the walk over the intervals finds a single wrong pattern and nothing else") {
  oracle::interval_table const intervals(oracle::e2m1);
  auto const right = [&](std::uint32_t bits) { return intervals.expected_code(bits); };
  auto const wrong_once = [&](std::uint32_t bits) {
    return intervals.expected_code(bits) ^ (bits == 0x3FA00000U ? 1U : 0U);
  };
  CHECK_FALSE(intervals.first_mismatch(0x3F000000U, 0x40000000U, right).found);
  auto const verdict = intervals.first_mismatch(0x3F000000U, 0x40000000U, wrong_once);
  CHECK(verdict.found);
  CHECK(verdict.bits == 0x3FA00000U);
  CHECK(verdict.expected == 2);
  CHECK(verdict.actual == 3);
  CHECK(intervals.first_mismatch(0x3FA00000U, 0x3FA00000U, wrong_once).found);
  CHECK_FALSE(intervals.first_mismatch(0x3FA00001U, 0x3FB00000U, wrong_once).found);
  CHECK_FALSE(intervals.first_mismatch(0xFFFF0000U, 0xFFFFFFFFU, right).found);
  CHECK(intervals.first_mismatch(0xFFFFFFFFU, 0xFFFFFFFFU, [](std::uint32_t) { return 0U; }).found);
}
