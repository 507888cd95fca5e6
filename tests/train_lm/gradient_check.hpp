// SPDX-License-Identifier: Apache-2.0
// Holds a hand-written backward pass against central finite differences of its forward pass, in
// double.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>

#include "train_lm/initial.hpp"
#include "train_lm/projection.hpp"

namespace train_lm::check {

/// Numbers of about the given size, the same in every run.
inline matrix<double> numbers(std::string_view name, extent rows, extent columns, double size = 1) {
  return initializer{7}.spread<double>(name, rows, columns, size);
}

/// The training step that the checks run in.
inline step_context context(parallel_for const& parallel, extent length) {
  return {.seed = 3, .step = 5, .length = length, .training = true, .parallel = parallel};
}

/// The largest difference between the gradient and the slope of loss() in each element of variable,
/// in units of the largest slope. Nothing smaller than about 1e-9 can be told with this step.
inline double gradient_error(matrix<double>& variable, matrix<double> const& gradient,
                             std::function<double()> const& loss) {
  double const step = 1e-5;
  double largest_slope = 0, largest_error = 0;
  for (extent i = 0; i < variable.size(); ++i) {
    double const kept = variable.data()[i];
    variable.data()[i] = kept + step;
    double const above = loss();
    variable.data()[i] = kept - step;
    double const below = loss();
    variable.data()[i] = kept;
    double const slope = (above - below) / (2 * step);
    largest_slope = std::max(largest_slope, std::abs(slope));
    largest_error = std::max(largest_error, std::abs(slope - gradient.data()[i]));
  }
  // A layer that ignores its variable has no slope to compare with: that is an error, not a pass.
  return largest_slope > 0 ? largest_error / largest_slope : 1;
}

}  // namespace train_lm::check
