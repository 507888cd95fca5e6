// SPDX-License-Identifier: Apache-2.0
// binary16 as storage, rounded and overflowing as IEEE 754 has it.
#include <nibble/fp16.hpp>

#include <doctest/doctest.h>

#include "support/number_laws.hpp"

using nibble::fp16;

namespace {

constexpr laws::special specials[] = {
    {0x7FC00000, 0x7FFF}, {0xFFC00000, 0x7FFF}, {0x7F800001, 0x7FFF},
    {0xFF800001, 0x7FFF}, {0x7FFFFFFF, 0x7FFF}, {0xFFFFFFFF, 0x7FFF},  // NaN
    {0x7F800000, 0x7C00}, {0xFF800000, 0xFC00}, {0x7F7FFFFF, 0x7C00},
    {0xFF7FFFFF, 0xFC00},  // infinity
    {0x477FE000, 0x7BFF}, {0x477FEFFF, 0x7BFF}, {0x477FF000, 0x7C00},
    {0xC77FF000, 0xFC00},  // the edge
    {0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x33000000, 0x0000},
    {0x33000001, 0x0001},  // 2^-25
    {0x33C00000, 0x0002}, {0x3F801000, 0x3C00}, {0x3F803000, 0x3C02},
    {0x38800000, 0x0400},  // ties
};
static_assert(laws::specials_hold<fp16>(specials));

}  // namespace

TEST_CASE("fp16: every code keeps its value, its order and its bits") {
  laws::every_code_keeps_the_laws<fp16>();
}

TEST_CASE("fp16: floats and doubles convert as exact fractions do") {
  laws::conversions_keep_the_laws<fp16>();
}

TEST_CASE("fp16: special values hold at run time as well") {
  CHECK(laws::specials_hold<fp16>(specials));
}
