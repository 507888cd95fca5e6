// SPDX-License-Identifier: Apache-2.0
// Which quantizers of a gradient are right on average: the error of the mean of B quantizations
// that draw different random numbers. An unbiased one follows 1/B, a biased one stops at its bias.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "nibble/dequantize.hpp"
#include "nibble/random/stream.hpp"
#include "nibble/rounding/stochastic.hpp"
#include "nibble/scaling/four_over_six.hpp"
#include "nibble/transform/random_hadamard.hpp"
#include "train_lm/quantized_projection.hpp"
#include "train_lm/svg.hpp"

namespace train_lm {

/// The squared error of the mean of 1, 2, 4, ... draws, relative to the squares of the tensor.
struct estimator_curve {
  std::string name;
  std::vector<std::pair<double, double>> errors;  ///< draws, relative squared error
};

/// make(source): the quantizer that draws from that source.
template <class Make>
estimator_curve measure_estimator(std::string name, matrix<float> const& tensor, int draws,
                                  parallel_for const& parallel, Make const& make) {
  estimator_curve result{std::move(name), {}};
  matrix<double> sum = matrix<double>::Zero(tensor.rows(), tensor.cols());
  matrix<float> draw(tensor.rows(), tensor.cols());
  nibble_parallel const pieces{parallel};
  double const squares = tensor.cast<double>().squaredNorm();
  for (int count = 1; count <= draws; ++count) {
    auto const q = make(nibble::random::philox4x32<>{7, static_cast<std::uint64_t>(count)});
    nibble::dequantize(nibble::quantized(view_of(tensor), q, pieces).view(), view_of(draw), q,
                       nibble::domain::original, pieces);
    sum += draw.cast<double>();
    if ((count & (count - 1)) == 0) {
      double const error = (sum / count - tensor.cast<double>()).squaredNorm();
      result.errors.emplace_back(count, error / squares);
    }
  }
  return result;
}

/// The estimators of the figure on one tensor.
inline std::vector<estimator_curve> measure_estimators(matrix<float> const& tensor, int draws,
                                                       parallel_for const& parallel) {
  using nibble::nvfp4_block;
  using nibble::quantizer;
  using source = nibble::random::philox4x32<>;
  namespace scaling = nibble::scaling;
  using headroom = scaling::amax<scaling::tile::row, nibble::tensor_scale::current<>,
                                 nibble::format::nearest_even, 16, 17>;
  auto const drawing = [](auto q) {
    return [q](source from) {
      auto copy = q;
      copy.rounding.source = from;
      return copy;
    };
  };
  using stochastic8 = nibble::rounding::stochastic<8>;
  using stochastic24 = nibble::rounding::stochastic<24>;
  using rotated = quantizer<nvfp4_block, scaling::amax<>, nibble::rounding::nearest_even,
                            nibble::transform::random_hadamard<16>>;
  std::vector<estimator_curve> result;
  auto const add = [&](char const* name, auto make) {
    result.push_back(measure_estimator(name, tensor, draws, parallel, make));
  };
  add("nearest", [](source) { return quantizer<>{}; });
  add("4/6, SR 24 bits", drawing(quantizer<nvfp4_block, scaling::four_over_six<>, stochastic24>{}));
  add("SR 8 bits (recipe)", drawing(quantizer<nvfp4_block, scaling::amax<>, stochastic8>{}));
  add("SR 8 bits, 16/17", drawing(quantizer<nvfp4_block, headroom, stochastic8>{}));
  add("SR 24 bits, 16/17", drawing(quantizer<nvfp4_block, headroom, stochastic24>{}));
  add("fresh RHT, nearest", [](source from) {
    rotated q{};
    q.transform = decltype(q.transform)::drawn(from);
    return q;
  });
  return result;
}

/// The line that an unbiased estimator follows, from the first point of one that is.
inline estimator_curve unbiased_law(estimator_curve const& of) {
  estimator_curve result{"1/B", {}};
  for (auto const& [draws, error] : of.errors)
    result.errors.emplace_back(draws, of.errors.front().second / draws);
  return result;
}

inline std::string draw_estimators(std::vector<estimator_curve> const& curves) {
  chart plot{"Relative squared error of the mean of B quantized gradients",
             "B, quantizations averaged",
             "error / squares",
             {},
             1e-6,
             1e-1,
             true,
             true};
  for (estimator_curve const& each : curves)
    plot.curves.push_back({each.name, each.errors, {}, each.name == "1/B"});
  return draw(plot);
}

inline std::string format_estimators(std::vector<estimator_curve> const& curves) {
  std::string text = "| estimator |";
  std::string rule = "\n|---|";
  char cell[48];
  for (auto const& point : curves.front().errors) {
    std::snprintf(cell, sizeof cell, " B = %.0f |", point.first);
    text += cell;
    rule += "---|";
  }
  text += rule + "\n";
  for (estimator_curve const& each : curves) {
    text += "| " + each.name + " |";
    for (auto const& point : each.errors) {
      std::snprintf(cell, sizeof cell, " %.2e |", point.second);
      text += cell;
    }
    text += "\n";
  }
  return text;
}

}  // namespace train_lm
