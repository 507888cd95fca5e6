// SPDX-License-Identifier: Apache-2.0
// The scan against its own definition written head by head, and its gradient in all five inputs.
#include "train_lm/selective_scan.hpp"

#include <doctest/doctest.h>

#include "train_lm/gradient_check.hpp"

using namespace train_lm;

namespace {
struct fixture {
  scan_shape shape{.inner = 12, .heads = 4, .groups = 2, .state = 5};
  parallel_for parallel;
  parameters<double> registry;
  parameter<double>& a_log = registry.add("a_log", check::numbers("a", 1, 4), false);
  parameter<double>& d = registry.add("d", check::numbers("d", 1, 4), false);
  parameter<double>& dt_bias = registry.add("dt_bias", check::numbers("dt_bias", 1, 4), false);
  selective_scan<double> layer{shape, a_log, d, dt_bias};
  matrix<double> xbc = check::numbers("xbc", 18, 32), dt = check::numbers("dt", 18, 4);
  matrix<double> y, dxbc, ddt;  // two sequences of nine
  step_context context = check::context(parallel, 9);
};
}  // namespace

TEST_CASE_FIXTURE(fixture, "train_lm: selective_scan follows its recurrence, head by head") {
  layer.forward(xbc, dt, y, context);
  for (extent sequence = 0; sequence < 2; ++sequence) {
    for (extent channel = 0; channel < 12; ++channel) {
      extent const head = channel / 3, group = channel / 6;
      double memory[5] = {};
      for (extent row = sequence * 9; row < sequence * 9 + 9; ++row) {
        double const step = std::log1p(std::exp(dt(row, head) + dt_bias.value(0, head)));
        double const decay = std::exp(-step * std::exp(a_log.value(0, head)));
        double expected = d.value(0, head) * xbc(row, channel);
        for (extent n = 0; n < 5; ++n) {
          double const b = xbc(row, 12 + group * 5 + n), c = xbc(row, 22 + group * 5 + n);
          memory[n] = decay * memory[n] + step * xbc(row, channel) * b;
          expected += memory[n] * c;
        }
        CHECK(y(row, channel) == doctest::Approx(expected).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE_FIXTURE(fixture, "train_lm: selective_scan has the gradient of its forward pass") {
  matrix<double> const dy = check::numbers("dy", 18, 12);
  auto const loss = [&] {
    layer.forward(xbc, dt, y, context);
    return y.cwiseProduct(dy).sum();
  };
  loss();
  layer.backward(dy, dxbc, ddt, context);
  CHECK(check::gradient_error(xbc, dxbc, loss) < 1e-8);
  CHECK(check::gradient_error(dt, ddt, loss) < 1e-8);
  CHECK(check::gradient_error(a_log.value, a_log.gradient, loss) < 1e-8);
  CHECK(check::gradient_error(d.value, d.gradient, loss) < 1e-8);
  CHECK(check::gradient_error(dt_bias.value, dt_bias.gradient, loss) < 1e-8);
}
