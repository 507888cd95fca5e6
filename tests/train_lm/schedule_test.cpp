// SPDX-License-Identifier: Apache-2.0
// The learning rate at the corners of its path.
#include "train_lm/schedule.hpp"

#include <doctest/doctest.h>

using namespace train_lm;

TEST_CASE("train_lm: the schedule rises, stays and falls") {
  schedule const plan{.peak = 2, .steps = 100, .warmup = 10, .decay = 20, .floor = 0.1};
  CHECK(plan.rate(0) == doctest::Approx(0.2));
  CHECK(plan.rate(4) == doctest::Approx(1.0));
  CHECK(plan.rate(9) == 2);
  CHECK(plan.rate(10) == 2);
  CHECK(plan.rate(79) == 2);
  CHECK(plan.rate(80) == doctest::Approx(0.2 + 1.8 * 19 / 20));
  CHECK(plan.rate(90) == doctest::Approx(0.2 + 1.8 * 9 / 20));
  CHECK(plan.rate(99) == doctest::Approx(0.2));
  CHECK(plan.rate(1000) == doctest::Approx(0.2));
}

TEST_CASE("train_lm: a schedule without warmup or decay is level") {
  schedule const plan{.peak = 3, .steps = 5, .warmup = 0, .decay = 0};
  for (std::uint64_t step = 0; step < 5; ++step) CHECK(plan.rate(step) == 3);
}
