// SPDX-License-Identifier: Apache-2.0
// Three steps of AdamW on three numbers, against the same steps done by hand.
#include "train_lm/adamw.hpp"

#include <doctest/doctest.h>

using namespace train_lm;

TEST_CASE("train_lm: adamw takes the steps of its formula, with clipping and decay") {
  parallel_for const parallel;
  parameters<double> trained;
  matrix<double> start(1, 2);
  start << 1.0, -2.0;
  parameter<double>& pulled = trained.add("pulled", start, true);
  parameter<double>& free = trained.add("free", matrix<double>::Constant(1, 1, 0.5), false);
  adamw<double> optimizer{
      {.beta1 = 0.8, .beta2 = 0.9, .epsilon = 1e-3, .weight_decay = 0.1, .largest_norm = 5.0},
      trained};
  double value[3] = {1.0, -2.0, 0.5}, mean[3] = {}, square[3] = {};
  double const gradients[3][3] = {{3, 4, 12}, {0.5, -0.25, 1}, {-3, 0, 0.125}};
  double const norms[3] = {13, std::sqrt(1.3125), std::sqrt(9.015625)};
  for (std::uint64_t step = 0; step < 3; ++step) {
    double const* const gradient = gradients[step];
    pulled.gradient << gradient[0], gradient[1];
    free.gradient << gradient[2];
    double const norm = optimizer.update(trained, 0.1, step, parallel);
    CHECK(norm == doctest::Approx(norms[step]).epsilon(1e-12));
    for (int i = 0; i < 3; ++i) {
      double const clipped = gradient[i] * (norms[step] > 5 ? 5 / norms[step] : 1);
      mean[i] = 0.8 * mean[i] + 0.2 * clipped;
      square[i] = 0.9 * square[i] + 0.1 * clipped * clipped;
      double const mean_hat = mean[i] / (1 - std::pow(0.8, double(step) + 1));
      double const square_hat = square[i] / (1 - std::pow(0.9, double(step) + 1));
      double const decay = i < 2 ? 0.1 * value[i] : 0;
      value[i] -= 0.1 * (mean_hat / (std::sqrt(square_hat) + 1e-3) + decay);
    }
    CHECK(pulled.value(0, 0) == doctest::Approx(value[0]).epsilon(1e-12));
    CHECK(pulled.value(0, 1) == doctest::Approx(value[1]).epsilon(1e-12));
    CHECK(free.value(0, 0) == doctest::Approx(value[2]).epsilon(1e-12));
  }
}
