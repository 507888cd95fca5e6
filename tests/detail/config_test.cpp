// SPDX-License-Identifier: Apache-2.0
// The macros that every other header builds on. What config.hpp refuses is tests/compile_fail's.
#include <doctest/doctest.h>

#include <type_traits>

#include <nibble/detail/config.hpp>

namespace {
NIBBLE_HD constexpr int marked() { return NIBBLE_VERSION_MAJOR; }
}  // namespace

static_assert(std::is_same_v<decltype(NIBBLE_VERSION_MAJOR), int> &&
              std::is_same_v<decltype(NIBBLE_VERSION_MINOR), int> &&
              std::is_same_v<decltype(NIBBLE_VERSION_PATCH), int>);

TEST_CASE("the version is three plain numbers, as the build reads them") {
  CHECK(NIBBLE_VERSION_MAJOR * 10000 + NIBBLE_VERSION_MINOR * 100 + NIBBLE_VERSION_PATCH >= 100);
  CHECK(NIBBLE_VERSION_MINOR < 100);
  CHECK(NIBBLE_VERSION_PATCH < 100);
}

TEST_CASE("a host compiler takes a marked function as it is") {
  static_assert(marked() == NIBBLE_VERSION_MAJOR);
  CHECK(marked() == NIBBLE_VERSION_MAJOR);
}
