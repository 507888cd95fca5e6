// SPDX-License-Identifier: Apache-2.0
// Positions are row-major indices of the whole matrix, beyond 32 bits too.
#include <nibble/group.hpp>

#include <doctest/doctest.h>

#include <type_traits>

static_assert(nibble::position{}.of(0, 5) == 5);
static_assert(nibble::position{100}.of(0, 15) == 115);
static_assert(nibble::position{100, 1000}.of(15, 15) == 15115);
static_assert(nibble::position{std::uint64_t{1} << 40, std::uint64_t{1} << 33}.of(3, 1) ==
              (std::uint64_t{1} << 40) + 3 * (std::uint64_t{1} << 33) + 1);
static_assert(std::is_convertible_v<int, nibble::position>);

TEST_CASE("a row is indexed and iterated in order") {
  nibble::row<float, 3> r{{1, 2, 3}};
  r[1] = 5;
  float sum = 0;
  for (float const value : r) {
    sum = 10 * sum + value;
  }
  CHECK(sum == 153);
  CHECK(r.end() - r.begin() == 3);
}

TEST_CASE("a group of blocks is an aggregate of rows") {
  nibble::block_group<int, 2, 3> group{{{1, 2, 3}, {4, 5, 6}}};
  CHECK(group.blocks[1][0] == 4);
  CHECK(sizeof group == 6 * sizeof(int));
  nibble::group_extents const extents{16, 128};
  CHECK(extents.rows == 16);
  CHECK(extents.columns == 128);
}
