// SPDX-License-Identifier: Apache-2.0
// AdamW with clipping of the gradient's norm over all parameters. Its state is FP32 like the
// weights.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "train_lm/parallel_for.hpp"
#include "train_lm/parameters.hpp"
#include "train_lm/vector_math.hpp"

namespace train_lm {

struct adamw_options {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;
  double largest_norm = 1.0;  ///< a longer gradient is shortened to this
};

/// The two running means of each parameter, and the step that uses them.
template <class Real>
class adamw {
 public:
  struct moments {
    matrix<Real> mean;
    matrix<Real> square;
  };

  adamw(adamw_options const& options, parameters<Real> const& trained) : options_{options} {
    for (parameter<Real> const& each : trained) {
      matrix<Real> const zero = matrix<Real>::Zero(each.value.rows(), each.value.cols());
      state_.push_back({zero, zero});
    }
  }

  /// One moment pair for each parameter, in their order: what a checkpoint must hold.
  std::vector<moments>& state() { return state_; }
  std::vector<moments> const& state() const { return state_; }

  /// Moves the parameters against their gradients; returns the norm of the gradient before
  /// clipping. rule    w -= rate (mhat / (sqrt(vhat) + epsilon) + weight_decay w), step counted
  /// from 0
  double update(parameters<Real>& trained, double rate, std::uint64_t step,
                parallel_for const& parallel) {
    double const norm = gradient_norm(trained);
    double const shrink = norm > options_.largest_norm ? options_.largest_norm / norm : 1.0;
    double const count = static_cast<double>(step) + 1;
    factors const use{.shrink = static_cast<Real>(shrink),
                      .beta1 = static_cast<Real>(options_.beta1),
                      .beta2 = static_cast<Real>(options_.beta2),
                      .epsilon = static_cast<Real>(options_.epsilon),
                      .rate = static_cast<Real>(rate / (1 - std::pow(options_.beta1, count))),
                      .square_scale = static_cast<Real>(1 / (1 - std::pow(options_.beta2, count))),
                      .decay = static_cast<Real>(rate * options_.weight_decay)};
    std::vector<parameter<Real>*> all;
    for (parameter<Real>& each : trained) all.push_back(&each);
    parallel(static_cast<extent>(all.size()), [&](extent piece) {
      auto const i = static_cast<std::size_t>(piece);
      move(*all[i], state_[i], use);
    });
    return norm;
  }

 private:
  struct factors {
    Real shrink, beta1, beta2, epsilon, rate, square_scale, decay;
  };

  static double gradient_norm(parameters<Real> const& trained) {
    double sum_of_squares = 0;
    for (parameter<Real> const& each : trained) {
      Real const* const gradient = each.gradient.data();
      sum_of_squares += static_cast<double>(dot(gradient, gradient, each.gradient.size()));
    }
    return std::sqrt(sum_of_squares);
  }

  static void move(parameter<Real>& target, moments& state, factors const& use) {
    Real* __restrict const value = target.value.data();
    Real const* __restrict const gradient = target.gradient.data();
    Real* __restrict const mean = state.mean.data();
    Real* __restrict const square = state.square.data();
    Real const decay = target.decays ? use.decay : Real{0};
    for (extent i = 0; i < target.value.size(); ++i) {
      Real const g = gradient[i] * use.shrink;
      mean[i] = use.beta1 * mean[i] + (1 - use.beta1) * g;
      square[i] = use.beta2 * square[i] + (1 - use.beta2) * (g * g);
      Real const size = std::sqrt(square[i] * use.square_scale) + use.epsilon;
      value[i] -= use.rate * mean[i] / size + decay * value[i];
    }
  }

  adamw_options options_;
  std::vector<moments> state_;
};

}  // namespace train_lm
