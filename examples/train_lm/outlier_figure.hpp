// SPDX-License-Identifier: Apache-2.0
// What the Hadamard transform does for the gradient of a weight when a few tokens are far larger
// than the rest: it keeps the rest from becoming zero, and does not lower the error.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "nibble/dequantize.hpp"
#include "nibble/recipes/nvfp4.hpp"
#include "train_lm/ablations.hpp"
#include "train_lm/counter_random.hpp"
#include "train_lm/quantized_projection.hpp"
#include "train_lm/svg.hpp"

namespace train_lm {

/// One strength of outliers under one recipe.
struct outlier_point {
  double strength;     ///< how much larger than the others one token in 64 is
  double wgrad_error;  ///< squared error of dW relative to its squares
  double bulk_error;   ///< the same of dy, over the tokens that are not outliers
  double bulk_zeros;   ///< share of the others' elements that are stored as zero
};

namespace outlier_figure_detail {

/// About normal numbers: the sum of twelve uniform ones.
inline matrix<float> normal_numbers(std::uint64_t stream, extent rows, extent columns) {
  matrix<float> result(rows, columns);
  for (extent i = 0; i < result.size(); ++i) {
    double sum = -6;
    for (std::uint64_t part = 0; part < 12; ++part)
      sum += random_unit(stream, part, static_cast<std::uint64_t>(i));
    result.data()[i] = static_cast<float>(sum);
  }
  return result;
}

inline bool is_outlier(extent token) { return token % 64 == 21; }

}  // namespace outlier_figure_detail

/// Measures the wgrad operands and product of a recipe, x and dy normal, dy with outlier tokens.
/// rule    an element is stored as zero if its code is; under a transform the codes are those of
///         the transformed values, which then belong to the others as much as to the outlier.
template <class Recipe>
outlier_point measure_outliers(double strength, parallel_for const& parallel) {
  using namespace outlier_figure_detail;
  constexpr extent tokens = 2048, outputs = 128, inputs = 128;
  matrix<float> const x = normal_numbers(1, tokens, inputs);
  matrix<float> dy = normal_numbers(2, tokens, outputs);
  for (extent token = 0; token < tokens; ++token) {
    if (is_outlier(token)) dy.row(token) *= static_cast<float>(strength);
  }
  nibble_parallel const pieces{parallel};
  using dy_quantizer = typename Recipe::wgrad_dy::quantizer;
  dy_quantizer q{};
  if constexpr (dy_quantizer::rounding_type::is_stochastic)
    q.rounding.source = nibble::layer_key{5}.source(nibble::operand_role::wgrad_dy);
  typename Recipe::wgrad_x::quantizer const q_x{};
  auto const codes = nibble::quantized(nibble::transposed(view_of(std::as_const(dy))), q, pieces);
  auto const x_codes = nibble::quantized(nibble::transposed(view_of(x)), q_x, pieces);

  matrix<float> dw(outputs, inputs), back(outputs, tokens);
  nibble::matmul<nibble::product::exact>(codes.view(), q, x_codes.view(), q_x, view_of(dw), {},
                                         pieces);
  matrix<double> const exact = dy.cast<double>().transpose() * x.cast<double>();
  nibble::dequantize(codes.view(), view_of(back), q, nibble::domain::original, pieces);

  outlier_point result{strength, 0, 0, 0};
  result.wgrad_error = (dw.cast<double>() - exact).squaredNorm() / exact.squaredNorm();
  double error = 0, squares = 0;
  extent zeros = 0, others = 0;
  bool const is_rotated = dy_quantizer::transform_type::size > 1;
  for (extent output = 0; output < outputs; ++output) {
    for (extent token = 0; token < tokens; ++token) {
      bool const counts = is_rotated || !is_outlier(token);
      auto const code = codes.view().codes(output, token);
      zeros += counts && static_cast<float>(code) == 0;
      others += counts;
      if (!is_outlier(token)) {
        double const value = static_cast<double>(dy(token, output));
        double const difference = static_cast<double>(back(output, token)) - value;
        error += difference * difference;
        squares += value * value;
      }
    }
  }
  result.bulk_error = error / squares;
  result.bulk_zeros = static_cast<double>(zeros) / static_cast<double>(others);
  return result;
}

struct outlier_curve {
  std::string name;
  std::vector<outlier_point> points;
};

inline std::vector<outlier_curve> measure_outliers(parallel_for const& parallel) {
  outlier_curve plain{"without Hadamard", {}}, rotated{"with Hadamard", {}};
  for (double const strength : {1.0, 3.0, 10.0, 30.0, 100.0}) {
    plain.points.push_back(measure_outliers<ablations::nvfp4_no_hadamard>(strength, parallel));
    rotated.points.push_back(measure_outliers<nibble::recipes::nvfp4>(strength, parallel));
  }
  return {plain, rotated};
}

inline std::string draw_outliers(std::vector<outlier_curve> const& curves) {
  auto const plot = [&](char const* title, double high, double outlier_point::*what) {
    chart result{title, "outlier tokens (1 in 64) are this much larger", "share", {}, 0, high,
                 true};
    for (outlier_curve const& each : curves) {
      curve line{each.name, {}};
      for (outlier_point const& point : each.points)
        line.points.emplace_back(point.strength, point.*what);
      result.curves.push_back(line);
    }
    return result;
  };
  return draw({plot("Gradient elements stored as zero", 0.25, &outlier_point::bulk_zeros),
               plot("Squared error of dW, relative", 0.05, &outlier_point::wgrad_error)});
}

inline std::string format_outliers(std::vector<outlier_curve> const& curves) {
  std::string text =
      "| outliers | recipe | stored as zero | error of dW | error of the other tokens' dy |\n"
      "|---|---|---|---|---|\n";
  for (std::size_t i = 0; i < curves.front().points.size(); ++i) {
    for (outlier_curve const& each : curves) {
      outlier_point const& at = each.points[i];
      char line[160];
      std::snprintf(line, sizeof line, "| x%.0f | %s | %.1f %% | %.2f %% | %.1f %% |\n",
                    at.strength, each.name.c_str(), 100 * at.bulk_zeros, 100 * at.wgrad_error,
                    100 * at.bulk_error);
      text += line;
    }
  }
  return text;
}

}  // namespace train_lm
