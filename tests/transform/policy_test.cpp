// SPDX-License-Identifier: Apache-2.0
// Which types are transforms, and that the laws notice a transform that breaks them.
#include <nibble/transform/policy.hpp>

#include <doctest/doctest.h>

#include "support/transform_laws.hpp"

namespace {

struct reversal {
  static constexpr int size = 4;
  static void apply(float (&values)[4]) noexcept {
    float const copy[4] = {values[3], values[2], values[1], values[0]};
    for (int i = 0; i < 4; ++i) {
      values[i] = copy[i];
    }
  }
  static void invert(float (&values)[4]) noexcept { apply(values); }
};
struct doubling : reversal {
  static void apply(float (&values)[4]) noexcept { values[1] *= 2; }
};
struct may_throw : reversal {
  static void apply(float (&)[4]) {}
};
struct without_inverse {
  static constexpr int size = 4;
  static void apply(float (&)[4]) noexcept {}
};

static_assert(nibble::transform::policy<reversal>);
static_assert(!nibble::transform::policy<may_throw>);
static_assert(!nibble::transform::policy<without_inverse>);

}  // namespace

TEST_CASE("a permutation keeps the laws of a transform and a one-sided doubling breaks both") {
  CHECK(laws::inverse_violations(reversal{}, 100) == 0);
  CHECK(laws::product_violations(reversal{}, 10) == 0);
  CHECK(laws::inverse_violations(doubling{}, 100) > 90);
  CHECK(laws::product_violations(doubling{}, 10) > 80);
}
