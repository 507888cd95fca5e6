// SPDX-License-Identifier: Apache-2.0
// The block scale without a tensor scale: no sign, saturating.
#include <nibble/ue5m3.hpp>

#include <doctest/doctest.h>

#include "support/number_laws.hpp"

using nibble::ue5m3;

namespace {

constexpr laws::special specials[] = {
    {0x7FC00000, 0xFF}, {0xFFC00000, 0xFF}, {0x7F800001, 0xFF},
    {0xFF800001, 0xFF}, {0x7FFFFFFF, 0xFF}, {0xFFFFFFFF, 0xFF},  // NaN
    {0x7F800000, 0xFE}, {0xFF800000, 0x00}, {0x7F7FFFFF, 0xFE},
    {0xFF7FFFFF, 0x00},  // too large
    {0x00000000, 0x00}, {0x80000000, 0x00}, {0x00000001, 0x00},
    {0xBF800000, 0x00},  // not above 0
    {0x47E00000, 0xFE}, {0x47E80000, 0xFE}, {0x47E80001, 0xFE},
    {0x47F00000, 0xFE},  // 114688 118784
    {0x36800000, 0x00}, {0x36800001, 0x01}, {0x37000000, 0x01},
    {0x3F800000, 0x78},  // 2^-18 2^-17 1
};
static_assert(laws::specials_hold<ue5m3>(specials));

}  // namespace

TEST_CASE("ue5m3: every code keeps its value, its order and its bits") {
  laws::every_code_keeps_the_laws<ue5m3>();
}

TEST_CASE("ue5m3: floats and doubles convert as exact fractions do") {
  laws::conversions_keep_the_laws<ue5m3>();
}

TEST_CASE("ue5m3: special values hold at run time as well") {
  CHECK(laws::specials_hold<ue5m3>(specials));
}
