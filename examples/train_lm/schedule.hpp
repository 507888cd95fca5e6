// SPDX-License-Identifier: Apache-2.0
// The learning rate over a run: up, level, down.
#pragma once

#include <cstdint>

namespace train_lm {

/// Warmup-stable-decay.
/// rule    rises linearly to peak over the first warmup steps, stays, and falls linearly over the
///         last decay steps to peak x floor, which the last step has.
struct schedule {
  double peak;
  std::uint64_t steps;
  std::uint64_t warmup;
  std::uint64_t decay;
  double floor = 0.01;

  constexpr double rate(std::uint64_t step) const {
    if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
    if (step + decay < steps) return peak;
    if (step >= steps) return peak * floor;
    double const left = static_cast<double>(steps - 1 - step) / static_cast<double>(decay);
    return peak * (floor + (1 - floor) * left);
  }
};

}  // namespace train_lm
