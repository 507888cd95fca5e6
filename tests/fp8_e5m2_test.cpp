// SPDX-License-Identifier: Apache-2.0
// The wide 8-bit element: all its codes, ties and special values.
#include <nibble/fp8_e5m2.hpp>

#include <doctest/doctest.h>

#include "support/number_laws.hpp"

using nibble::fp8_e5m2;

namespace {

constexpr laws::special specials[] = {
    {0x7FC00000, 0x7F}, {0xFFC00000, 0x7F}, {0x7F800001, 0x7F}, {0xFF800001, 0x7F},
    {0x7FFFFFFF, 0x7F}, {0xFFFFFFFF, 0x7F},                                          // NaN
    {0x7F800000, 0x7B}, {0xFF800000, 0xFB}, {0x7F7FFFFF, 0x7B}, {0xFF7FFFFF, 0xFB},  // too large
    {0x47600000, 0x7B}, {0x47700000, 0x7B}, {0x47800000, 0x7B}, {0x476FFFFF, 0x7B},  // 57344 61440
    {0x00000000, 0x00}, {0x80000000, 0x80}, {0x00000001, 0x00}, {0x80000001, 0x80},  // underflow
    {0x37000000, 0x00}, {0x37000001, 0x01}, {0x37C00000, 0x02}, {0x3F900000, 0x3C},  // 2^-17, ties
};
static_assert(laws::specials_hold<fp8_e5m2>(specials));

}  // namespace

TEST_CASE("fp8_e5m2: every code keeps its value, its order and its bits") {
  laws::every_code_keeps_the_laws<fp8_e5m2>();
}

TEST_CASE("fp8_e5m2: floats and doubles convert as exact fractions do") {
  laws::conversions_keep_the_laws<fp8_e5m2>();
}

TEST_CASE("fp8_e5m2: special values hold at run time as well") {
  CHECK(laws::specials_hold<fp8_e5m2>(specials));
}
