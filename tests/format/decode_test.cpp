// SPDX-License-Identifier: Apache-2.0
// Every code of every format, as bits, against tables of exact fractions.
#include <doctest/doctest.h>

#include <iterator>

#include <nibble/format/decode.hpp>

#include "support/witness.hpp"

namespace format = nibble::format;

namespace {

constexpr float e2m1_values[] = {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f};

/// (8 + m) 2^(e - 10) and, below, m 2^-9: E4M3 as its definition has it.
constexpr float e4m3_value(int code) {
  int const mantissa = code % 8;
  int exponent = code / 8;
  float value = static_cast<float>(exponent == 0 ? mantissa : 8 + mantissa);
  for (exponent = exponent == 0 ? 1 : exponent; exponent > 10; --exponent) value *= 2;
  for (; exponent < 10; ++exponent) value /= 2;
  return value;
}

consteval bool decodes_e2m1() {
  for (std::uint32_t code = 0; code != 8; ++code) {
    std::uint32_t const bits = std::bit_cast<std::uint32_t>(e2m1_values[code]);
    if (std::bit_cast<std::uint32_t>(format::decode<format::e2m1>(code)) != bits) return false;
    if (std::bit_cast<std::uint32_t>(format::decode<format::e2m1>(code + 8)) != (bits | 1u << 31)) {
      return false;
    }
  }
  return true;
}
static_assert(decodes_e2m1());

consteval bool decodes_e4m3() {
  for (int code = 0; code != 0x7F; ++code) {
    float const value = format::decode<format::e4m3>(static_cast<std::uint32_t>(code));
    float const negative = format::decode<format::e4m3>(static_cast<std::uint32_t>(code) + 0x80);
    if (value != e4m3_value(code) || negative != -value) return false;
  }
  float const nan = format::decode<format::e4m3>(0x7F);
  return nan != nan;
}
static_assert(decodes_e4m3());

/// A table has the bits of decode in every place, and no more places than codes.
template <format::float_format Format>
consteval bool is_tabulated() {
  static_assert(sizeof(format::values_of<Format>) == sizeof(float) << Format.width());
  for (std::uint32_t code = 0; code <= Format.mask(); ++code) {
    if (std::bit_cast<std::uint32_t>(format::values_of<Format>.value[code]) !=
        std::bit_cast<std::uint32_t>(format::decode<Format>(code))) {
      return false;
    }
  }
  return true;
}
static_assert(is_tabulated<format::e2m1>() && is_tabulated<format::e3m2>() &&
              is_tabulated<format::e4m3>() && is_tabulated<format::e5m2>() &&
              is_tabulated<format::e8m0>());

}  // namespace

// bugs: B4 B5 B17 B18
TEST_CASE("every code of every format has the oracle's value, bit for bit") {
  witness::for_every_format([]<format::float_format Format>() {
    auto const& table = witness::table<Format>();
    CAPTURE(table.definition().name);
    REQUIRE(table.codes() == Format.mask() + 1u);
    std::uint32_t wrong = 0;
    for (std::uint32_t code = 0; code != table.codes(); ++code) {
      auto const bits = std::bit_cast<std::uint32_t>(format::decode<Format>(code));
      oracle::number const expected = table.decode(code);
      if (expected.type == oracle::kind::finite) {
        wrong += bits != oracle::round_to_binary32(expected.value);
      } else if (expected.type == oracle::kind::infinite) {
        wrong +=
            bits != (oracle::infinity_bits | (expected.value.negative ? oracle::sign_mask : 0));
      } else {
        // Quiet, but for bf16, which is the upper half of a float as it stands.
        bool const is_quiet = (bits & oracle::quiet_nan_bits) == oracle::quiet_nan_bits;
        bool const is_half = Format == format::bf16 && bits == code << 16;
        wrong += !oracle::is_nan(bits) || (!is_quiet && !is_half) ||
                 oracle::is_negative(bits) != expected.value.negative;
      }
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE("a NaN keeps its mantissa bits") {
  CHECK(std::bit_cast<std::uint32_t>(format::decode<format::fp16>(0x7C01)) == 0x7FC0'2000u);
  CHECK(std::bit_cast<std::uint32_t>(format::decode<format::bf16>(0xFF81)) == 0xFF81'0000u);
  CHECK(std::bit_cast<std::uint32_t>(format::decode<format::e5m2>(0x7D)) == 0x7FE0'0000u);
}

TEST_CASE("bits above the format's width are ignored") {
  CHECK(format::decode<format::e2m1>(0xF3) == 1.5f);
  CHECK(format::decode<format::e4m3>(0xFFFF'FF38) == 1.0f);
}
