// SPDX-License-Identifier: Apache-2.0
// What counts as a gradient rule.
#include <nibble/gradient/policy.hpp>

#include <doctest/doctest.h>

#include <nibble/gradient/differentiable.hpp>
#include <nibble/gradient/masked.hpp>
#include <nibble/gradient/straight_through.hpp>

namespace {

struct silent {
  template <class Element>
  static constexpr float factor(float) noexcept {
    return 1;
  }
};
struct doubles {
  static constexpr bool passes_all = false;
  template <class Element>
  static constexpr double factor(float) noexcept {
    return 1;
  }
};
static_assert(!nibble::gradient::policy<silent> && !nibble::gradient::policy<doubles>);

template <class Rule>
int uneven() {
  int wrong = 0;
  for (int i = 0; i < 8000; ++i) {
    float const value = static_cast<float>(i) / 1000;
    float const factor = Rule::template factor<nibble::fp4_e2m1>(value);
    wrong += !(factor == Rule::template factor<nibble::fp4_e2m1>(-value)) || !(factor >= 0);
  }
  return wrong;
}

}  // namespace

TEST_CASE("every rule is even and never negative") {
  using namespace nibble::gradient;
  CHECK(uneven<straight_through>() == 0);
  CHECK(uneven<masked>() == 0);
  CHECK(uneven<differentiable<>>() == 0);
}
