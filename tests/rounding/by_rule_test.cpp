// SPDX-License-Identifier: Apache-2.0
// The laws of every rounding, and away from zero where exact fractions say so.
// runs: host device
#include <nibble/rounding/by_rule.hpp>

#include <doctest/doctest.h>

#include "support/rounding_suite.hpp"

// A rule that no policy of its own has.
using upward = nibble::rounding::by_rule<nibble::format::away_from_zero>;

static_assert(nibble::rounding::policy<upward>);
static_assert(!upward::is_stochastic);
static_assert(laws::encodes_rows_of_any_length<nibble::fp4_e2m1>(upward{}) &&
              laws::encodes_rows_of_any_length<nibble::fp6_e2m3>(upward{}));

TEST_CASE("upward keeps the laws of rounding for every element and scale") {
  CHECK(rounding_suite::violations<upward>(rounding_suite::all_types{}) == 0);
}

TEST_CASE("upward of values, ties and their neighbours is what exact fractions say") {
  CHECK(rounding_suite::differences<upward>(oracle::direction::upward,
                                            rounding_suite::all_types{}) == 0);
}

TEST_CASE("upward encodes a row as it rounds each element, at any position") {
  CHECK(laws::encodes_one_by_one(upward{}, 0, {}));
  CHECK(laws::encodes_one_by_one(upward{}, 12345, {}));
  CHECK(laws::encodes_rows_of_any_length<nibble::fp4_e2m1>(upward{}));
}
