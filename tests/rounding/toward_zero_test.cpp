// SPDX-License-Identifier: Apache-2.0
// The laws of every rounding, and truncation where exact fractions say so.
// runs: host device
#include <nibble/rounding/toward_zero.hpp>

#include <doctest/doctest.h>

#include "support/everywhere.hpp"
#include "support/rounding_laws.hpp"
#include "support/witness.hpp"

using nibble::rounding::toward_zero;

static_assert(nibble::rounding::policy<toward_zero>);
static_assert(!toward_zero::is_stochastic);

namespace {

template <class T>
std::uint64_t violations() {
  return everywhere::sweep(1 << 18, laws::rounding<T, toward_zero>{});
}

template <class T>
std::uint32_t differences() {
  auto const& table = witness::table<T::format>();
  std::uint32_t wrong = 0;
  for (float const value : witness::hard_floats(table)) {
    std::uint32_t const expected =
        table.encode(witness::exactly(value), oracle::direction::toward_zero);
    wrong += toward_zero::round<T>(value).bits() != expected;
  }
  return wrong;
}

}  // namespace

TEST_CASE("toward_zero keeps the laws of rounding for every element and scale") {
  CHECK(violations<nibble::fp4_e2m1>() == 0);
  CHECK(violations<nibble::fp6_e2m3>() == 0);
  CHECK(violations<nibble::fp6_e3m2>() == 0);
  CHECK(violations<nibble::fp8_e4m3>() == 0);
  CHECK(violations<nibble::fp8_e5m2>() == 0);
}

TEST_CASE("toward_zero of values, ties and their neighbours is what exact fractions say") {
  CHECK(differences<nibble::fp4_e2m1>() == 0);
  CHECK(differences<nibble::fp6_e2m3>() == 0);
  CHECK(differences<nibble::fp6_e3m2>() == 0);
  CHECK(differences<nibble::fp8_e4m3>() == 0);
  CHECK(differences<nibble::fp8_e5m2>() == 0);
}

TEST_CASE("toward_zero encodes a row as it rounds each element, at any position") {
  CHECK(laws::encodes_one_by_one(toward_zero{}, 0, {}));
  CHECK(laws::encodes_one_by_one(toward_zero{}, 12345, {}));
}
