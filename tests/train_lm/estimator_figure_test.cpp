// SPDX-License-Identifier: Apache-2.0
// The figure's claim, on made-up gradients: unbiased estimators follow 1/B, biased ones stop.
#include "train_lm/estimator_figure.hpp"

#include <doctest/doctest.h>

#include "train_lm/outlier_figure.hpp"

using namespace train_lm;

TEST_CASE("train_lm: with headroom stochastic rounding follows 1/B, all else stops at its bias") {
  parallel_for const parallel{2};
  matrix<float> const tensor = outlier_figure_detail::normal_numbers(4, 64, 128);
  std::vector<estimator_curve> const curves = measure_estimators(tensor, 1024, parallel);
  REQUIRE(curves.size() == 6);
  for (estimator_curve const& each : curves) {
    CAPTURE(each.name);
    REQUIRE(each.errors.size() == 11);
    double const factor = each.errors.front().second / each.errors.back().second;
    if (each.name == "SR 8 bits, 16/17" || each.name == "SR 24 bits, 16/17") {
      CHECK(factor > 800);
      CHECK(factor < 1300);
    } else {
      CHECK(factor < 300);
    }
    if (each.name == "nearest") CHECK(factor == doctest::Approx(1));
  }
}

TEST_CASE("train_lm: among outlier tokens Hadamard keeps zeros few, and does not lower the error") {
  parallel_for const parallel{2};
  std::vector<outlier_curve> const curves = measure_outliers(parallel);
  outlier_point const& plain = curves[0].points.back();
  outlier_point const& rotated = curves[1].points.back();
  CHECK(plain.strength == 100);
  CHECK(plain.bulk_zeros > 0.2);
  CHECK(rotated.bulk_zeros < 0.1);
  CHECK(rotated.wgrad_error > plain.wgrad_error);
  CHECK(curves[0].points.front().bulk_zeros ==
        doctest::Approx(curves[1].points.front().bulk_zeros).epsilon(0.1));
}
