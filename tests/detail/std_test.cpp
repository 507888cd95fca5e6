// SPDX-License-Identifier: Apache-2.0
// Exactly the names of std that the core uses, from this one header.
#include <nibble/detail/std.hpp>

#include <doctest/doctest.h>

static_assert(sizeof(std::uint8_t) == 1 && sizeof(std::uint16_t) == 2 &&
              sizeof(std::uint32_t) == 4 && sizeof(std::uint64_t) == 8 &&
              sizeof(std::int64_t) == 8);
static_assert(std::is_same_v<std::conditional_t<true, int, float>, int>);
static_assert(std::is_arithmetic_v<bool> && std::is_integral_v<std::size_t>);
static_assert(std::same_as<std::remove_const_t<int const>, int>);
static_assert(std::convertible_to<int, double> &&
              std::derived_from<std::true_type, std::true_type>);

TEST_CASE("a defaulted comparison has the types it needs") {
  struct pair {
    int first;
    int second;
    auto operator<=>(pair const&) const = default;
  };
  CHECK(pair{1, 2} < pair{1, 3});
  CHECK(pair{1, 2} == pair{1, 2});
}
