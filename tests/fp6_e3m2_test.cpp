// SPDX-License-Identifier: Apache-2.0
// The wider element of MXFP6: all its codes, ties and special values.
#include <nibble/fp6_e3m2.hpp>

#include <doctest/doctest.h>

#include "support/number_laws.hpp"

using nibble::fp6_e3m2;

namespace {

constexpr laws::special specials[] = {
    {0x7FC00000, 0x1F}, {0xFFC00000, 0x1F}, {0x7F800001, 0x1F}, {0xFF800001, 0x1F},
    {0x7FFFFFFF, 0x1F}, {0xFFFFFFFF, 0x1F},                                          // NaN
    {0x7F800000, 0x1F}, {0xFF800000, 0x3F}, {0x7F7FFFFF, 0x1F}, {0xFF7FFFFF, 0x3F},  // too large
    {0x00000000, 0x00}, {0x80000000, 0x20}, {0x00000001, 0x00}, {0x80000001, 0x20},  // underflow
    {0x3D000000, 0x00}, {0x3D000001, 0x01}, {0x3DC00000, 0x02}, {0x41E00000, 0x1F},  // 1/32 3/32 28
    {0x3E600000, 0x04}, {0x3E5FFFFF, 0x03}, {0x41F00000, 0x1F}, {0xC1F00000, 0x3F},  // 7/32 30
};
static_assert(laws::specials_hold<fp6_e3m2>(specials));

}  // namespace

TEST_CASE("fp6_e3m2: every code keeps its value, its order and its bits") {
  laws::every_code_keeps_the_laws<fp6_e3m2>();
}

TEST_CASE("fp6_e3m2: floats and doubles convert as exact fractions do") {
  laws::conversions_keep_the_laws<fp6_e3m2>();
}

TEST_CASE("fp6_e3m2: special values hold at run time as well") {
  CHECK(laws::specials_hold<fp6_e3m2>(specials));
}
