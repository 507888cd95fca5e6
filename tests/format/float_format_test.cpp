// SPDX-License-Identifier: Apache-2.0
// Every derived fact of every format, as numbers from the standards that define them.
#include <doctest/doctest.h>

#include <nibble/format/float_format.hpp>

using nibble::format::float_format;
namespace format = nibble::format;

namespace {

struct facts {
  float_format of;
  int width;
  std::uint32_t mask;
  std::uint32_t sign;
  std::uint32_t max_code;
  std::uint32_t nan_code;
  int min_exponent;
  bool has_nan;
  bool has_infinity;
};

constexpr facts known[] = {
    {format::e2m1, 4, 0xF, 0x8, 0x7, 0x7, 0, false, false},
    {format::e1m2, 4, 0xF, 0x8, 0x7, 0x7, 0, false, false},
    {format::int4, 4, 0xF, 0x8, 0x7, 0x7, 2, false, false},
    {format::e2m3, 6, 0x3F, 0x20, 0x1F, 0x1F, 0, false, false},
    {format::e3m2, 6, 0x3F, 0x20, 0x1F, 0x1F, -2, false, false},
    {format::e4m3, 8, 0xFF, 0x80, 0x7E, 0x7F, -6, true, false},
    {format::e5m2, 8, 0xFF, 0x80, 0x7B, 0x7F, -14, true, true},
    {format::e8m0, 8, 0xFF, 0, 0xFE, 0xFF, -127, true, false},
    {format::ue5m3, 8, 0xFF, 0, 0xFE, 0xFF, -14, true, false},
    {format::bf16, 16, 0xFFFF, 0x8000, 0x7F7F, 0x7FFF, -126, true, true},
    {format::fp16, 16, 0xFFFF, 0x8000, 0x7BFF, 0x7FFF, -14, true, true},
};

constexpr bool agrees(facts const& f) {
  return f.of.width() == f.width && f.of.mask() == f.mask && f.of.sign_mask() == f.sign &&
         f.of.magnitude_mask() == (f.mask ^ f.sign) && f.of.max_code() == f.max_code &&
         f.of.nan_code() == f.nan_code && f.of.min_exponent() == f.min_exponent &&
         f.of.has_nan() == f.has_nan && f.of.has_infinity() == f.has_infinity &&
         f.of.is_nan(f.nan_code) == f.has_nan && !f.of.is_nan(f.max_code) &&
         !f.of.is_infinity(f.max_code) && f.of.is_infinity(f.max_code + 1) == f.has_infinity;
}

constexpr bool all_agree() {
  for (facts const& f : known) {
    if (!agrees(f))
      return false;
  }
  return true;
}
static_assert(all_agree());

/// Formats that differ in one field only.
constexpr float_format variants[] = {{4, 3, 7, format::specials::nan_only, true, true},
                                     {5, 3, 7, format::specials::nan_only, true, true},
                                     {4, 2, 7, format::specials::nan_only, true, true},
                                     {4, 3, 8, format::specials::nan_only, true, true},
                                     {4, 3, 7, format::specials::none, true, true},
                                     {4, 3, 7, format::specials::nan_only, false, true},
                                     {4, 3, 7, format::specials::nan_only, true, false}};

}  // namespace

TEST_CASE("the facts of each format follow from its data") {
  for (facts const& f : known) {
    CHECK(agrees(f));
  }
}

TEST_CASE("the sign does not matter to what is NaN or infinite") {
  for (std::uint32_t code = 0; code != 0x80; ++code) {
    CHECK(format::e5m2.is_nan(code) == (code > 0x7C));
    CHECK(format::e5m2.is_nan(code | 0x80) == (code > 0x7C));
    CHECK(format::e5m2.is_infinity(code | 0x80) == (code == 0x7C));
    CHECK(format::e4m3.is_nan(code | 0x80) == (code == 0x7F));
  }
}

TEST_CASE("formats are equal only if all their fields are") {
  for (auto const& a : variants) {
    for (auto const& b : variants) {
      CHECK((a == b) == (&a == &b));
    }
  }
}
