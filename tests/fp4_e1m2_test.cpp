// SPDX-License-Identifier: Apache-2.0
// The uniform grid: all its codes, ties and special values.
#include <nibble/fp4_e1m2.hpp>

#include <doctest/doctest.h>

#include "support/number_laws.hpp"

using nibble::fp4_e1m2;

namespace {

constexpr laws::special specials[] = {
    {0x7FC00000, 0x7}, {0xFFC00000, 0x7},                                        // NaN
    {0x7F800000, 0x7}, {0xFF800000, 0xF}, {0x40000000, 0x7}, {0xC0000000, 0xF},  // too large
    {0x00000000, 0x0}, {0x80000000, 0x8}, {0x3E000000, 0x0}, {0x3E000001, 0x1},  // 0.125
    {0x3EC00000, 0x2}, {0x3F200000, 0x2}, {0x3FD00000, 0x6},                     // 0.375 0.625 1.625
};
static_assert(laws::specials_hold<fp4_e1m2>(specials));

}  // namespace

TEST_CASE("fp4_e1m2: every code keeps its value, its order and its bits") {
  laws::every_code_keeps_the_laws<fp4_e1m2>();
}

TEST_CASE("fp4_e1m2: floats and doubles convert as exact fractions do") {
  laws::conversions_keep_the_laws<fp4_e1m2>();
}

TEST_CASE("fp4_e1m2: the codes are quarters, evenly spaced") {
  for (int code = 0; code < 8; ++code) {
    CHECK(static_cast<float>(fp4_e1m2::from_bits(code)) == static_cast<float>(code) / 4);
    CHECK(static_cast<float>(fp4_e1m2::from_bits(code + 8)) == static_cast<float>(-code) / 4);
  }
}
