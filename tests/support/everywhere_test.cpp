// SPDX-License-Identifier: Apache-2.0
// The sweep itself under test: a runner that cannot fail would make every sweep worthless.
// runs: host device
#include <doctest/doctest.h>

#include "everywhere.hpp"

namespace {

struct always {
  NIBBLE_HD bool operator()(std::uint64_t) const { return true; }
};

struct not_a_multiple {
  std::uint64_t of;
  NIBBLE_HD bool operator()(std::uint64_t i) const { return i % of != of - 1; }
};

}  // namespace

TEST_CASE("a sweep of what always holds counts no failure") {
  CHECK(everywhere::sweep(1'000'000, always{}) == 0);
  CHECK(everywhere::sweep(0, not_a_multiple{1}) == 0);
}

TEST_CASE("a sweep counts every failure once, the last index included") {
#if defined(__CUDACC__)
  if (!everywhere::has_device()) {
    return;
  }
#endif
  CHECK(everywhere::sweep(1'000'000, not_a_multiple{1000}) == 1000);
  CHECK(everywhere::sweep(65'537, not_a_multiple{65'537}) == 1);
  CHECK(everywhere::sweep(3, not_a_multiple{1}) == 3);
}
