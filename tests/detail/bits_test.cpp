// SPDX-License-Identifier: Apache-2.0
// Bit functions against <bit> and by cases.
#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <limits>

#include <nibble/detail/bits.hpp>

namespace detail = nibble::detail;

static_assert(detail::float_bits(1.0f) == 0x3F80'0000u &&
              detail::float_bits(-0.0f) == 0x8000'0000u);
static_assert(detail::float_from_bits(0x0000'0001u) == std::numeric_limits<float>::denorm_min());
static_assert(detail::bit_cast<std::uint64_t>(-2.0) == 0xC000'0000'0000'0000u);
static_assert(detail::largest_float == std::numeric_limits<float>::max());
static_assert(detail::magnitude_bits(-1.0f) == detail::float_bits(1.0f));
static_assert(detail::float_bits(detail::magnitude(-0.0f)) == 0);
static_assert(detail::bit_width(0) == 0 && detail::bit_width(~std::uint64_t{0}) == 64);
static_assert(detail::ceil_div(0, 4) == 0 && detail::ceil_div(1, 4) == 1);
static_assert(detail::ceil_div(8, 4) == 2 && detail::ceil_div(9, 4) == 3);

TEST_CASE("bit_width equals the standard's around every power of two") {
  for (int shift = 0; shift != 64; ++shift) {
    for (unsigned const step : {0u, 1u, 2u}) {
      std::uint64_t const value = (std::uint64_t{1} << shift) + step - 1;
      CHECK(detail::bit_width(value) == static_cast<int>(std::bit_width(value)));
    }
  }
}

TEST_CASE("every NaN has larger magnitude bits than infinity") {
  for (std::uint32_t const bits : {0x7F80'0001u, 0x7FC0'0000u, 0xFF80'0001u, 0xFFFF'FFFFu}) {
    CHECK((bits & 0x7FFF'FFFFu) > detail::infinity_bits);
    // A quiet NaN keeps its bits in a float; a signalling one may become quiet on the way.
    CHECK(detail::magnitude_bits(detail::float_from_bits(bits)) > detail::infinity_bits);
  }
  CHECK(detail::magnitude_bits(-std::numeric_limits<float>::infinity()) == detail::infinity_bits);
}

TEST_CASE("every NaN becomes one, and nothing else changes") {
  constexpr auto canonical_bits = [](std::uint32_t bits) {
    return detail::float_bits(detail::canonical(detail::float_from_bits(bits)));
  };
  static_assert(canonical_bits(0x7FC0'0001u) == 0x7FC0'0000u && canonical_bits(0xFFFF'FFFFu) == 0x7FC0'0000u);
  for (std::uint32_t const bits : {0x7F80'0001u, 0xFF80'0001u, 0x7FC0'0000u, 0xFFC0'0000u, 0x7FFF'FFFFu}) {
    CHECK(canonical_bits(bits) == 0x7FC0'0000u);
  }
  for (std::uint32_t const bits : {0u, 0x8000'0000u, 1u, 0x3F80'0000u, 0x7F7F'FFFFu, 0x7F80'0000u, 0xFF80'0000u}) {
    CHECK(canonical_bits(bits) == bits);
  }
}

TEST_CASE("the compile-time guard is off at run time") {
  static_assert(detail::constant_evaluated());
  bool volatile no = false;
  bool const at_run_time = no || detail::constant_evaluated();
  CHECK_FALSE(at_run_time);
}
