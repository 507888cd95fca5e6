// SPDX-License-Identifier: Apache-2.0
// The gradient of the norm, whole rows and groups, and what it promises of its result.
#include "train_lm/rms_norm.hpp"

#include <doctest/doctest.h>

#include "train_lm/gradient_check.hpp"

using namespace train_lm;

TEST_CASE("train_lm: rms_norm has the gradient of its forward pass, whole and in groups") {
  for (extent const groups : {1, 3}) {
    CAPTURE(groups);
    parallel_for const parallel;
    parameters<double> registry;
    parameter<double>& weight = registry.add("weight", check::numbers("w", 1, 12), false);
    matrix<double> x = check::numbers("x", 70, 12), y, dx;  // 70 rows: more than one piece
    matrix<double> const dy = check::numbers("dy", 70, 12);
    rms_norm<double> layer{weight, groups};
    step_context const context = check::context(parallel, 70);
    auto const loss = [&] {
      layer.forward(x, y, context);
      return y.cwiseProduct(dy).sum();
    };
    loss();
    layer.backward(dy, dx, context);
    CHECK(check::gradient_error(x, dx, loss) < 1e-8);
    CHECK(check::gradient_error(weight.value, weight.gradient, loss) < 1e-8);
  }
}

TEST_CASE("train_lm: rms_norm gives every group a mean square of one") {
  parallel_for const parallel;
  parameters<double> registry;
  parameter<double>& weight = registry.add("weight", matrix<double>::Ones(1, 8), false);
  matrix<double> y;
  rms_norm<double>{weight, 2}.forward(check::numbers("x", 3, 8, 50), y,
                                      check::context(parallel, 3));
  for (extent row = 0; row < 3; ++row) {
    CHECK(y.row(row).head(4).squaredNorm() / 4 == doctest::Approx(1).epsilon(1e-6));
    CHECK(y.row(row).tail(4).squaredNorm() / 4 == doctest::Approx(1).epsilon(1e-6));
  }
}
