// SPDX-License-Identifier: Apache-2.0
// The laws of every rounding, and ties to even where exact fractions say so.
// runs: host device
#include <nibble/rounding/nearest_even.hpp>

#include <doctest/doctest.h>

#include "support/rounding_suite.hpp"

using nibble::rounding::nearest_even;

static_assert(nibble::rounding::policy<nearest_even>);
static_assert(!nearest_even::is_stochastic);
static_assert(laws::encodes_rows_of_any_length<nibble::fp4_e2m1>(nearest_even{}) &&
              laws::encodes_rows_of_any_length<nibble::fp6_e2m3>(nearest_even{}));

TEST_CASE("nearest_even keeps the laws of rounding for every element and scale") {
  CHECK(rounding_suite::violations<nearest_even>(rounding_suite::all_types{}) == 0);
}

TEST_CASE("nearest_even of values, ties and their neighbours is what exact fractions say") {
  CHECK(rounding_suite::differences<nearest_even>(oracle::direction::nearest_even,
                                                  rounding_suite::all_types{}) == 0);
}

TEST_CASE("nearest_even encodes a row as it rounds each element, at any position") {
  CHECK(laws::encodes_one_by_one(nearest_even{}, 0, {}));
  CHECK(laws::encodes_one_by_one(nearest_even{}, 12345, {}));
  CHECK(laws::encodes_rows_of_any_length<nibble::fp4_e2m1>(nearest_even{}));
}
