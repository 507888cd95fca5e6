// SPDX-License-Identifier: Apache-2.0
// The laws of every rounding, and ties away from zero where exact fractions say so.
// runs: host device
#include <nibble/rounding/nearest_away.hpp>

#include <doctest/doctest.h>

#include "support/rounding_suite.hpp"

using nibble::rounding::nearest_away;

static_assert(nibble::rounding::policy<nearest_away>);
static_assert(!nearest_away::is_stochastic);
static_assert(laws::encodes_rows_of_any_length<nibble::fp4_e2m1>(nearest_away{}) &&
              laws::encodes_rows_of_any_length<nibble::fp6_e2m3>(nearest_away{}));

TEST_CASE("nearest_away keeps the laws of rounding for every element and scale") {
  CHECK(rounding_suite::violations<nearest_away>(rounding_suite::all_types{}) == 0);
}

TEST_CASE("nearest_away of values, ties and their neighbours is what exact fractions say") {
  CHECK(rounding_suite::differences<nearest_away>(oracle::direction::nearest_away,
                                                  rounding_suite::all_types{}) == 0);
}

TEST_CASE("nearest_away encodes a row as it rounds each element, at any position") {
  CHECK(laws::encodes_one_by_one(nearest_away{}, 0, {}));
  CHECK(laws::encodes_one_by_one(nearest_away{}, 12345, {}));
  CHECK(laws::encodes_rows_of_any_length<nibble::fp4_e2m1>(nearest_away{}));
}
