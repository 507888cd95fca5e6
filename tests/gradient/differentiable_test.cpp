// SPDX-License-Identifier: Apache-2.0
// The slope of the smooth quantizer: against pow in double, and that it integrates to the quantizer.
#include <nibble/gradient/differentiable.hpp>

#include <doctest/doctest.h>

#include <cmath>

using namespace nibble;
using gradient::differentiable;

static_assert(gradient::policy<differentiable<>>);

namespace {

template <int K, int Clamp>
double worst_slope() {
  double worst = 0;
  for (int i = 1; i <= 20000; ++i) {
    float const u = static_cast<float>(i) / 20000;
    double const exact =
        std::fmin(Clamp, std::pow(static_cast<double>(u), 1.0 / K - 1) / K);
    worst = std::fmax(worst, std::fabs(static_cast<double>(differentiable<K, Clamp>::slope(u)) / exact - 1));
  }
  return worst;
}

}  // namespace

TEST_CASE("the slope is |u|^(1/K - 1) / K, clamped") {
  CHECK(worst_slope<5, 3>() < 2e-6);
  CHECK(worst_slope<2, 3>() < 2e-6);
  CHECK(worst_slope<3, 10>() < 2e-6);
  CHECK(worst_slope<10, 3>() < 2e-6);
}

TEST_CASE("between two neighbours the slope integrates to their distance, less what the clamp cuts") {
  // K = 2 under a clamp of 10 is cut below |u| = 1/400, where its integral is 1/20 and the clamp's 1/40.
  double const codes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (int k = 0; k + 1 < 8; ++k) {
    double const a = codes[k], b = codes[k + 1];
    double sum = 0;
    int const steps = 100000;
    for (int i = 0; i < steps; ++i) {
      double const x = a + (b - a) * (i + 0.5) / steps;
      sum += static_cast<double>(differentiable<2, 10>::factor<fp4_e2m1>(static_cast<float>(x))) / steps;
    }
    CHECK(std::fabs(sum - 0.975) < 1e-3);
  }
}

TEST_CASE("beyond the largest element, and for NaN, there is no slope") {
  CHECK(differentiable<>::factor<fp4_e2m1>(6.5f) == 0.0f);
  CHECK(differentiable<>::factor<fp4_e2m1>(NAN) == 0.0f);
  CHECK(differentiable<>::factor<fp4_e2m1>(5.0f) == 3.0f);  // the middle of 4 and 6
  CHECK(std::fabs(differentiable<>::factor<fp4_e2m1>(2.0f) - 0.2f) < 1e-6f);  // a code: 1 / K
}
