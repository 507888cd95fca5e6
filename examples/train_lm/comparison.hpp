// SPDX-License-Identifier: Apache-2.0
// What runs of the same seeds say about recipes: gaps taken seed by seed, and how far to trust them.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "train_lm/job.hpp"
#include "train_lm/svg.hpp"

namespace train_lm {

inline constexpr char const* baseline = "bf16";
inline constexpr double keep_of_average = 0.98;  ///< of the moving average of training losses

/// A mean over seeds and how far seeds are apart (the sample standard deviation; NaN of one seed).
struct estimate {
  double mean = NAN;
  double spread = NAN;
};

inline estimate estimate_of(std::vector<double> const& values) {
  auto const count = static_cast<double>(values.size());
  estimate result;
  double sum = 0, squares = 0;
  for (double const value : values) sum += value;
  if (count > 0) result.mean = sum / count;
  for (double const value : values) squares += (value - result.mean) * (value - result.mean);
  if (count > 1) result.spread = std::sqrt(squares / (count - 1));
  return result;
}

/// One line of the table. Gaps are paired: to the baseline of the same seed, on the same batches.
struct comparison {
  std::string recipe;
  estimate validation, validation_gap, validation_gap_percent;
  estimate training_gap;  ///< of the moving average of the training loss at the end
  nibble::error_report gradients;
  estimate tokens_per_second;
};

/// The run of that recipe and seed, or null.
inline run_result const* run_of(std::vector<run_result> const& runs, std::string const& recipe,
                                std::uint64_t seed) {
  for (run_result const& each : runs) {
    if (each.recipe == recipe && each.seed == seed) return &each;
  }
  return nullptr;
}

/// Each recipe once, in the order of its first run.
inline std::vector<std::string> recipes_of(std::vector<run_result> const& runs) {
  std::vector<std::string> names;
  for (run_result const& each : runs) {
    if (std::find(names.begin(), names.end(), each.recipe) == names.end())
      names.push_back(each.recipe);
  }
  return names;
}

/// The difference to the baseline, step by step, of the averages of training losses.
inline std::vector<double> gap_curve(run_result const& run, run_result const& base) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < run.losses.size() && i < base.losses.size(); ++i)
    differences.push_back(run.losses[i] - base.losses[i]);
  return smoothed(differences, keep_of_average);
}

inline std::vector<comparison> compare_runs(std::vector<run_result> const& runs) {
  std::vector<comparison> table;
  for (std::string const& recipe : recipes_of(runs)) {
    comparison row;
    row.recipe = recipe;
    std::vector<double> validation, gap, percent, training, speed;
    for (run_result const& run : runs) {
      if (run.recipe != recipe) continue;
      validation.push_back(run.validation);
      if (run.tokens_per_second > 0) speed.push_back(run.tokens_per_second);
      row.gradients += run.statistics.gradients();
      run_result const* const base = run_of(runs, baseline, run.seed);
      if (base == nullptr || recipe == baseline) continue;
      gap.push_back(run.validation - base->validation);
      percent.push_back(100 * gap.back() / base->validation);
      training.push_back(gap_curve(run, *base).back());
    }
    row.validation = estimate_of(validation);
    row.validation_gap = estimate_of(gap);
    row.validation_gap_percent = estimate_of(percent);
    row.training_gap = estimate_of(training);
    row.tokens_per_second = estimate_of(speed);
    table.push_back(row);
  }
  return table;
}

/// Whether a gap is beyond twice the spread of seeds; of one seed nothing can be said.
inline std::string verdict(estimate const& gap) {
  if (std::isnan(gap.mean) || std::isnan(gap.spread)) return "-";
  return std::fabs(gap.mean) > 2 * gap.spread ? "yes" : "no";
}

}  // namespace train_lm
