// SPDX-License-Identifier: Apache-2.0
// The gradient of the short convolution, and that it looks neither ahead nor into another sequence.
#include "train_lm/causal_conv.hpp"

#include <doctest/doctest.h>

#include "train_lm/gradient_check.hpp"

using namespace train_lm;

namespace {
struct fixture {
  parallel_for parallel;
  parameters<double> registry;
  parameter<double>& weight = registry.add("weight", check::numbers("w", 4, 5), false);
  parameter<double>& bias = registry.add("bias", check::numbers("b", 1, 5), false);
  causal_conv<double> layer{weight, bias};
  matrix<double> x = check::numbers("x", 12, 5), y, dx;  // two sequences of six
  step_context context = check::context(parallel, 6);
};
}  // namespace

TEST_CASE_FIXTURE(fixture, "train_lm: causal_conv has the gradient of its forward pass") {
  matrix<double> const dy = check::numbers("dy", 12, 5);
  auto const loss = [&] {
    layer.forward(x, y, context);
    return y.cwiseProduct(dy).sum();
  };
  loss();
  layer.backward(dy, dx, context);
  CHECK(check::gradient_error(x, dx, loss) < 1e-8);
  CHECK(check::gradient_error(weight.value, weight.gradient, loss) < 1e-8);
  CHECK(check::gradient_error(bias.value, bias.gradient, loss) < 1e-8);
}

TEST_CASE_FIXTURE(fixture, "train_lm: causal_conv carries a change four tokens on and no further") {
  layer.forward(x, y, context);
  matrix<double> const before = y;
  x(1, 2) += 1;
  layer.forward(x, y, context);
  for (extent row = 0; row < 12; ++row) {
    for (extent channel = 0; channel < 5; ++channel) {
      CAPTURE(row);
      CAPTURE(channel);
      bool const within_reach = row >= 1 && row < 5 && channel == 2;
      CHECK((y(row, channel) != before(row, channel)) == within_reach);
    }
  }
}
