// SPDX-License-Identifier: Apache-2.0
// The laws of every rounding, and ties to even where exact fractions say so.
// runs: host device
#include <nibble/rounding/nearest_even.hpp>

#include <doctest/doctest.h>

#include "support/everywhere.hpp"
#include "support/rounding_laws.hpp"
#include "support/witness.hpp"

using nibble::rounding::nearest_even;

static_assert(nibble::rounding::policy<nearest_even>);
static_assert(!nearest_even::is_stochastic);

namespace {

template <class T>
std::uint64_t violations() {
  return everywhere::sweep(1 << 18, laws::rounding<T, nearest_even>{});
}

template <class T>
std::uint32_t differences() {
  auto const& table = witness::table<T::format>();
  std::uint32_t wrong = 0;
  for (float const value : witness::hard_floats(table)) {
    std::uint32_t const expected =
        table.encode(witness::exactly(value), oracle::direction::nearest_even);
    wrong += nearest_even::round<T>(value).bits() != expected;
  }
  return wrong;
}

}  // namespace

TEST_CASE("nearest_even keeps the laws of rounding for every element and scale") {
  CHECK(violations<nibble::fp4_e2m1>() == 0);
  CHECK(violations<nibble::fp6_e2m3>() == 0);
  CHECK(violations<nibble::fp6_e3m2>() == 0);
  CHECK(violations<nibble::fp8_e4m3>() == 0);
  CHECK(violations<nibble::fp8_e5m2>() == 0);
}

TEST_CASE("nearest_even of values, ties and their neighbours is what exact fractions say") {
  CHECK(differences<nibble::fp4_e2m1>() == 0);
  CHECK(differences<nibble::fp6_e2m3>() == 0);
  CHECK(differences<nibble::fp6_e3m2>() == 0);
  CHECK(differences<nibble::fp8_e4m3>() == 0);
  CHECK(differences<nibble::fp8_e5m2>() == 0);
}

TEST_CASE("nearest_even encodes a row as it rounds each element, at any position") {
  CHECK(laws::encodes_one_by_one(nearest_even{}, 0, {}));
  CHECK(laws::encodes_one_by_one(nearest_even{}, 12345, {}));
}
