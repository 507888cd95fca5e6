// SPDX-License-Identifier: Apache-2.0
// The rule that lets every gradient through.
#include <nibble/gradient/straight_through.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>

using nibble::gradient::straight_through;

static_assert(nibble::gradient::policy<straight_through> && straight_through::passes_all);

TEST_CASE("straight_through is 1 for everything") {
  for (float const value : {0.0f, -3.0f, 1e30f, NAN, INFINITY}) {
    CHECK(straight_through::factor<nibble::fp4_e2m1>(value) == 1.0f);
  }
}
