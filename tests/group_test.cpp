// SPDX-License-Identifier: Apache-2.0
// Positions and rows: index arithmetic at compile time, past 32 bits too.
#include <nibble/group.hpp>

#include <doctest/doctest.h>

namespace {

using nibble::position;
static_assert(position{}.of(0, 0) == 0 && position(7).of(0, 5) == 12);
static_assert(position(7, 100).of(2, 5) == 212);
static_assert(position(std::uint64_t{1} << 40, std::uint64_t{1} << 33).of(15, 3) ==
              (std::uint64_t{1} << 40) + (std::uint64_t{15} << 33) + 3);

constexpr nibble::row<int, 3> three{{1, 2, 4}};
static_assert(three[0] == 1 && three[2] == 4 && three.end() - three.begin() == 3);

}  // namespace

TEST_CASE("a row is iterated and written in order") {
  nibble::row<int, 3> changed = three;
  changed[1] = 9;
  int sum = 0;
  for (int const value : changed) {
    sum = 10 * sum + value;
  }
  CHECK(sum == 194);
}
