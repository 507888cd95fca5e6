// SPDX-License-Identifier: Apache-2.0
// The laws of every rounding, and truncation where exact fractions say so.
// runs: host device
#include <nibble/rounding/toward_zero.hpp>

#include <doctest/doctest.h>

#include "support/rounding_suite.hpp"

using nibble::rounding::toward_zero;

static_assert(nibble::rounding::policy<toward_zero>);
static_assert(!toward_zero::is_stochastic);

TEST_CASE("toward_zero keeps the laws of rounding for every element and scale") {
  CHECK(rounding_suite::violations<toward_zero>(rounding_suite::all_types{}) == 0);
}

TEST_CASE("toward_zero of values, ties and their neighbours is what exact fractions say") {
  CHECK(rounding_suite::differences<toward_zero>(oracle::direction::toward_zero,
                                                 rounding_suite::all_types{}) == 0);
}

TEST_CASE("toward_zero encodes a row as it rounds each element, at any position") {
  CHECK(laws::encodes_one_by_one(toward_zero{}, 0, {}));
  CHECK(laws::encodes_one_by_one(toward_zero{}, 12345, {}));
}
