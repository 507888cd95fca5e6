// SPDX-License-Identifier: Apache-2.0
// The block scale of NVFP4: all its codes, ties and special values.
#include <nibble/fp8_e4m3.hpp>

#include <doctest/doctest.h>

#include "support/number_laws.hpp"

using nibble::fp8_e4m3;

namespace {

constexpr laws::special specials[] = {
    {0x7FC00000, 0x7F}, {0xFFC00000, 0x7F}, {0x7F800001, 0x7F}, {0xFF800001, 0x7F},
    {0x7FFFFFFF, 0x7F}, {0xFFFFFFFF, 0x7F},                                          // NaN
    {0x7F800000, 0x7E}, {0xFF800000, 0xFE}, {0x7F7FFFFF, 0x7E}, {0xFF7FFFFF, 0xFE},  // too large
    {0x43E00000, 0x7E}, {0x43DFFFFF, 0x7E}, {0x43E00001, 0x7E}, {0x43D80000, 0x7E},  // 448, 432
    {0x43E80000, 0x7E}, {0x43E80001, 0x7E}, {0x43E7FFFF, 0x7E}, {0x43F00000, 0x7E},  // 464, 480
    {0xC3E80001, 0xFE}, {0xC3F00000, 0xFE}, {0x43D7FFFF, 0x7D}, {0x44000000, 0x7E},  // 431.99 512
    {0x00000000, 0x00}, {0x80000000, 0x80}, {0x00000001, 0x00}, {0x80000001, 0x80},  // underflow
    {0x3A800000, 0x00}, {0x3A800001, 0x01}, {0xBA800000, 0x80}, {0xBA800001, 0x81},  // 2^-10
    {0x3B400000, 0x02}, {0x3B3FFFFF, 0x01}, {0x3C700000, 0x08}, {0x3C6FFFFF, 0x07},  // subnormals
    {0x3F880000, 0x38}, {0x3F880001, 0x39}, {0x3F980000, 0x3A}, {0x3F97FFFF, 0x39},  // 1 + 1/16
};
static_assert(laws::specials_hold<fp8_e4m3>(specials));

}  // namespace

// bugs: A9
TEST_CASE("fp8_e4m3: every code keeps its value, its order and its bits") {
  laws::every_code_keeps_the_laws<fp8_e4m3>();
}

TEST_CASE("fp8_e4m3: floats and doubles convert as exact fractions do") {
  laws::conversions_keep_the_laws<fp8_e4m3>();
}

TEST_CASE("fp8_e4m3: special values hold at run time as well") {
  CHECK(laws::specials_hold<fp8_e4m3>(specials));
}
