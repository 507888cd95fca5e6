// SPDX-License-Identifier: Apache-2.0
// The integer element: all its codes, ties and special values.
#include <nibble/int4_element.hpp>

#include <doctest/doctest.h>

#include "support/number_laws.hpp"

using nibble::int4_element;

namespace {

constexpr laws::special specials[] = {
    {0x7FC00000, 0x7}, {0xFFC00000, 0x7},                                        // NaN
    {0x7F800000, 0x7}, {0xFF800000, 0xF}, {0x7F7FFFFF, 0x7}, {0xC1000000, 0xF},  // too large
    {0x00000000, 0x0}, {0x80000000, 0x8}, {0xBE800000, 0x8},                     // zeros, underflow
    {0x3F000000, 0x0}, {0x3F000001, 0x1}, {0x3FC00000, 0x2}, {0x40200000, 0x2},  // 0.5 1.5 2.5
    {0x40600000, 0x4}, {0x40900000, 0x4}, {0x40B00000, 0x6}, {0x40D00000, 0x6},  // 3.5 4.5 5.5 6.5
};
static_assert(laws::specials_hold<int4_element>(specials));

}  // namespace

TEST_CASE("int4_element: every code keeps its value, its order and its bits") {
  laws::every_code_keeps_the_laws<int4_element>();
}

TEST_CASE("int4_element: floats and doubles convert as exact fractions do") {
  laws::conversions_keep_the_laws<int4_element>();
}

TEST_CASE("int4_element: the codes are the integers from 0 to 7 and their negatives") {
  for (int code = 0; code < 8; ++code) {
    CHECK(static_cast<float>(int4_element::from_bits(code)) == static_cast<float>(code));
    CHECK(static_cast<float>(int4_element::from_bits(code + 8)) == static_cast<float>(-code));
  }
}
