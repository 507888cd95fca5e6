// SPDX-License-Identifier: Apache-2.0
// What the base class gives to a type that a user makes of it, in constant expressions too.
#include <nibble/number.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <limits>

#include <nibble/fp8_e4m3.hpp>

namespace {

class fp8_e3m4 : public nibble::number<fp8_e3m4, nibble::format::float_format{3, 4, 3}> {
  using number::number;
};
class fp12_e5m6
    : public nibble::number<fp12_e5m6, nibble::format::float_format{
                                           5, 6, 15, nibble::format::specials::nan_only}> {
  using number::number;
};
class e4m2_scale
    : public nibble::number<e4m2_scale, nibble::format::float_format{
                                            4, 2, 7, nibble::format::specials::nan_only, false}> {
  using number::number;
};

class fp9_e4m4 : public nibble::number<fp9_e4m4, nibble::format::float_format{4, 4, 7}> {
  using number::number;
};

static_assert(nibble::number_type<fp8_e3m4> && nibble::number_type<fp12_e5m6>);
static_assert(!nibble::number_type<float> && !nibble::number_type<int>);
static_assert(sizeof(fp8_e3m4) == 1 && sizeof(fp12_e5m6) == 2 && sizeof(e4m2_scale) == 1 &&
              sizeof(fp9_e4m4) == 2);

static_assert(static_cast<float>(fp8_e3m4(100.0f)) == 31.0f);
static_assert(fp8_e3m4(1.0f).bits() == 0x30);
static_assert(fp12_e5m6(std::numeric_limits<float>::quiet_NaN()).bits() == 0x7FF);
static_assert(e4m2_scale(-1.0f).bits() == 0 && e4m2_scale(1e9).bits() == 0x3E);

using nibble::fp8_e4m3;
constexpr auto nan = fp8_e4m3::from_bits(0x7F);
constexpr auto one = fp8_e4m3(1.0f);
static_assert(nan != nan && nan != one);
static_assert(fp8_e4m3(0.0f) == fp8_e4m3(-0.0f) && fp8_e4m3(0.0f).bits() != fp8_e4m3(-0.0f).bits());
static_assert(fp8_e4m3(-1.0f) < one && one <= one && one > -one && one >= one);
static_assert(!(one < one) && !(one > one) && !(nan <= nan) && !(nan >= nan));
static_assert((one <=> fp8_e4m3(2.0f)) == std::partial_ordering::less);
static_assert(fp8_e4m3::from_bits(0x38u) == one && fp8_e4m3::from_bits(std::uint8_t{0x38}) == one &&
              fp8_e4m3::from_bits(0x38LL) == one);

}  // namespace

TEST_CASE("every code of a user's format survives the trip through float and double") {
  for (std::uint32_t code = 0; code != 256; ++code) {
    auto const x = fp8_e3m4::from_bits(code);
    CHECK(fp8_e3m4(static_cast<float>(x)).bits() == code);
    CHECK(fp8_e3m4(static_cast<double>(static_cast<float>(x))).bits() == code);
    CHECK((-x).bits() == (code ^ 0x80));
  }
  for (std::uint32_t code = 0; code != 0x800; ++code) {
    auto const x = fp12_e5m6::from_bits(code);
    CHECK(fp12_e5m6(static_cast<float>(x)).bits() == code);
  }
}

TEST_CASE("a double is rounded once") {
  // 1 + 1/16 is a tie; 2^-40 above it goes up, although as a float it would be the tie.
  CHECK(fp8_e4m3(1.0 + 0x1p-4).bits() == 0x38);
  CHECK(fp8_e4m3(1.0 + 0x1p-4 + 0x1p-40).bits() == 0x39);
  CHECK(fp8_e4m3(1.0 + 0x3p-4 - 0x1p-40).bits() == 0x39);
  CHECK(fp8_e4m3(std::numeric_limits<double>::max()).bits() == 0x7E);
  CHECK(fp8_e4m3(std::numeric_limits<double>::denorm_min()).bits() == 0);
}

TEST_CASE("NaN is unordered") {
  auto const code_of_nan = fp8_e4m3::from_bits(0x7F);
  CHECK((code_of_nan <=> code_of_nan) == std::partial_ordering::unordered);
  CHECK_FALSE(code_of_nan < one);
  CHECK_FALSE(code_of_nan >= one);
}

TEST_CASE("at run time from_bits takes the low bits") {
  int volatile bits = 0xF38;
  CHECK(fp8_e4m3::from_bits(static_cast<int>(bits)) == one);
}

TEST_CASE("the storage is the code and nothing else") {
  auto const x = fp12_e5m6::from_bits(0xABC);
  std::uint16_t raw = 0;
  std::memcpy(&raw, &x, sizeof raw);
  CHECK(raw == 0xABC);
}
