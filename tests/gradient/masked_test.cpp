// SPDX-License-Identifier: Apache-2.0
// The mask: 1 up to the largest element, 0 beyond it.
#include <nibble/gradient/masked.hpp>

#include <doctest/doctest.h>

#include <cmath>

#include <nibble/fp8_e4m3.hpp>

using nibble::gradient::masked;

static_assert(nibble::gradient::policy<masked> && !masked::passes_all);
static_assert(masked::factor<nibble::fp4_e2m1>(6.0f) == 1.0f);
static_assert(masked::factor<nibble::fp4_e2m1>(-0x1.800002p2f) == 0.0f);

TEST_CASE("the mask is 1 up to the largest element of the format and 0 beyond, NaN included") {
  CHECK(masked::factor<nibble::fp4_e2m1>(0.0f) == 1.0f);
  CHECK(masked::factor<nibble::fp8_e4m3>(448.0f) == 1.0f);
  CHECK(masked::factor<nibble::fp8_e4m3>(449.0f) == 0.0f);
  CHECK(masked::factor<nibble::fp4_e2m1>(NAN) == 0.0f);
  CHECK(masked::factor<nibble::fp4_e2m1>(INFINITY) == 0.0f);
}
