// SPDX-License-Identifier: Apache-2.0
// bfloat16 as storage: the upper half of a float, rounded.
#include <nibble/bf16.hpp>

#include <doctest/doctest.h>

#include "support/number_laws.hpp"

using nibble::bf16;

namespace {

constexpr laws::special specials[] = {
    {0x7FC00000, 0x7FFF}, {0xFFC00000, 0x7FFF}, {0x7F800001, 0x7FFF},
    {0xFF800001, 0x7FFF}, {0x7FFFFFFF, 0x7FFF}, {0xFFFFFFFF, 0x7FFF},  // NaN
    {0x7F800000, 0x7F80}, {0xFF800000, 0xFF80}, {0x7F7FFFFF, 0x7F80},
    {0xFF7FFFFF, 0xFF80},  // infinity
    {0x7F7F0000, 0x7F7F}, {0x7F7F7FFF, 0x7F7F}, {0x7F7F8000, 0x7F80},
    {0xFF7F8000, 0xFF80},  // the edge
    {0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x00000001, 0x0000},
    {0x80008001, 0x8001},  // tiny
    {0x00008000, 0x0000}, {0x00018000, 0x0002}, {0x3F808000, 0x3F80},
    {0x3F818000, 0x3F82},  // ties
};
static_assert(laws::specials_hold<bf16>(specials));

}  // namespace

TEST_CASE("bf16: every code keeps its value, its order and its bits") {
  laws::every_code_keeps_the_laws<bf16>();
}

TEST_CASE("bf16: floats and doubles convert as exact fractions do") {
  laws::conversions_keep_the_laws<bf16>();
}

TEST_CASE("bf16: special values hold at run time as well") {
  CHECK(laws::specials_hold<bf16>(specials));
}
