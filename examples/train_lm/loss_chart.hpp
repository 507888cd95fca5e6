// SPDX-License-Identifier: Apache-2.0
// The losses of all runs as a picture: means over seeds, with a band as wide as seeds are apart.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "train_lm/comparison.hpp"

namespace train_lm {

namespace loss_chart_detail {

/// Means over seeds, step by step, with their spread for a band.
inline curve mean_curve(std::string label, std::vector<std::vector<double>> const& of_seeds) {
  curve result{std::move(label), {}};
  for (std::size_t step = 0; !of_seeds.empty() && step < of_seeds.front().size(); ++step) {
    std::vector<double> values;
    for (auto const& each : of_seeds) values.push_back(each[step]);
    estimate const at = estimate_of(values);
    result.points.emplace_back(static_cast<double>(step + 1), at.mean);
    result.spread.push_back(std::isnan(at.spread) ? 0 : at.spread);
  }
  return result;
}

/// A range that shows the later part of every curve, in which differences are small.
inline void fit_range(chart& plot, double from_share) {
  double low = INFINITY, high = -INFINITY;
  for (curve const& each : plot.curves) {
    auto const skipped =
        static_cast<std::size_t>(static_cast<double>(each.points.size()) * from_share);
    for (std::size_t i = skipped; i < each.points.size(); ++i) {
      low = std::min(low, each.points[i].second - (each.spread.empty() ? 0 : each.spread[i]));
      high = std::max(high, each.points[i].second + (each.spread.empty() ? 0 : each.spread[i]));
    }
  }
  double const margin = 0.05 * (high - low);
  plot.y_low = low - margin;
  plot.y_high = high + margin;
}

}  // namespace loss_chart_detail

/// Two charts: the losses, and their differences to the baseline.
inline std::string draw_losses(std::vector<run_result> const& runs) {
  using namespace loss_chart_detail;
  chart losses{"Training loss", "step", "nats per byte (moving average)", {}, 0, 1};
  chart gaps{
      "Difference to bf16 on the same batches", "step", "nats per byte (moving average)", {}, 0, 1};
  for (std::string const& recipe : recipes_of(runs)) {
    std::vector<std::vector<double>> of_seeds, gaps_of_seeds;
    for (run_result const& run : runs) {
      if (run.recipe != recipe) continue;
      of_seeds.push_back(smoothed(run.losses, keep_of_average));
      if (run_result const* const base = run_of(runs, baseline, run.seed))
        gaps_of_seeds.push_back(gap_curve(run, *base));
    }
    losses.curves.push_back(mean_curve(recipe, of_seeds));
    gaps.curves.push_back(mean_curve(recipe, gaps_of_seeds));
  }
  fit_range(losses, 0.08);
  fit_range(gaps, 0.08);
  bool const has_baseline = !recipes_of(runs).empty() && run_of(runs, baseline, runs.front().seed);
  return draw(has_baseline ? std::vector<chart>{losses, gaps} : std::vector<chart>{losses});
}

}  // namespace train_lm
