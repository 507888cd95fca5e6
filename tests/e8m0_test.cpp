// SPDX-License-Identifier: Apache-2.0
// The power-of-two scale: no zero, no sign, always rounded up.
#include <nibble/e8m0.hpp>

#include <doctest/doctest.h>

#include "support/number_laws.hpp"

using nibble::e8m0;

namespace {

constexpr laws::special specials[] = {
    {0x7FC00000, 0xFF}, {0xFFC00000, 0xFF}, {0x7F800001, 0xFF},
    {0xFF800001, 0xFF}, {0x7FFFFFFF, 0xFF}, {0xFFFFFFFF, 0xFF},  // NaN
    {0x7F800000, 0xFE}, {0xFF800000, 0xFE}, {0x7F7FFFFF, 0xFE},
    {0x7F000001, 0xFE},  // too large
    {0x00000000, 0x00}, {0x80000000, 0x00}, {0x00000001, 0x00},
    {0x80000001, 0x00},  // zeros
    {0x00400000, 0x00}, {0x00400001, 0x01}, {0x00800000, 0x01},
    {0x00800001, 0x02},  // 2^-127, 2^-126
    {0x3F800000, 0x7F}, {0x3F800001, 0x80}, {0xBF800000, 0x7F},
    {0x3F7FFFFF, 0x7F},  // 1
    {0x7EFFFFFF, 0xFE}, {0x7F000000, 0xFE}, {0x7E800001, 0xFE},
    {0x7E800000, 0xFD},  // 2^127
};
static_assert(laws::specials_hold<e8m0>(specials));

}  // namespace

TEST_CASE("e8m0: every code keeps its value, its order and its bits") {
  laws::every_code_keeps_the_laws<e8m0>();
}

// bugs: A17
TEST_CASE("e8m0: floats and doubles convert as exact fractions do") {
  laws::conversions_keep_the_laws<e8m0>();
}

TEST_CASE("e8m0: special values hold at run time as well") {
  CHECK(laws::specials_hold<e8m0>(specials));
}
