// SPDX-License-Identifier: Apache-2.0
// The element of NVFP4: all its codes, ties and special values.
#include <nibble/fp4_e2m1.hpp>

#include <doctest/doctest.h>

#include "support/number_laws.hpp"

using nibble::fp4_e2m1;

namespace {

constexpr laws::special specials[] = {
    {0x7FC00000, 0x7}, {0xFFC00000, 0x7}, {0x7F800001, 0x7}, {0xFF800001, 0x7},
    {0x7FFFFFFF, 0x7}, {0xFFFFFFFF, 0x7},                                        // NaN
    {0x7F800000, 0x7}, {0xFF800000, 0xF}, {0x7F7FFFFF, 0x7}, {0xFF7FFFFF, 0xF},  // too large
    {0x00000000, 0x0}, {0x80000000, 0x8}, {0x00000001, 0x0}, {0x80000001, 0x8},  // zeros, underflow
    {0x3E800000, 0x0}, {0x3E800001, 0x1}, {0xBE800000, 0x8}, {0xBE800001, 0x9},  // 0.25
    {0x3F400000, 0x2}, {0x3F3FFFFF, 0x1}, {0x3FA00000, 0x2}, {0x3FE00000, 0x4},  // 0.75 1.25 1.75
    {0x40200000, 0x4}, {0x40600000, 0x6}, {0x40A00000, 0x6}, {0x40A00001, 0x7},  // 2.5 3.5 5
};
static_assert(laws::specials_hold<fp4_e2m1>(specials));

}  // namespace

TEST_CASE("fp4_e2m1: every code keeps its value, its order and its bits") {
  laws::every_code_keeps_the_laws<fp4_e2m1>();
}

TEST_CASE("fp4_e2m1: floats and doubles convert as exact fractions do") {
  laws::conversions_keep_the_laws<fp4_e2m1>();
}

TEST_CASE("fp4_e2m1: special values hold at run time as well") {
  CHECK(laws::specials_hold<fp4_e2m1>(specials));
}
