// SPDX-License-Identifier: Apache-2.0
// What the runs showed: a table for people, a CSV for programs, charts and samples.
#pragma once

#include <cmath>
#include <cstdio>
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

/// One line of the table. Gaps are paired: to the baseline of the same seed, so on the same
/// batches.
struct comparison {
  std::string recipe;
  estimate validation, validation_gap, validation_gap_percent;
  estimate training_gap;  ///< of the moving average of the training loss at the end
  double flushed = 0, saturated = 0;
  bool is_quantized = false;
  estimate tokens_per_second;
};

namespace report_detail {

inline run_result const* find(std::vector<run_result> const& runs, std::string const& recipe,
                              std::uint64_t seed) {
  for (run_result const& each : runs) {
    if (each.recipe == recipe && each.seed == seed) return &each;
  }
  return nullptr;
}

inline std::vector<std::string> recipes_of(std::vector<run_result> const& runs) {
  std::vector<std::string> names;
  for (run_result const& each : runs) {
    if (std::find(names.begin(), names.end(), each.recipe) == names.end())
      names.push_back(each.recipe);
  }
  return names;
}

inline std::string printed(char const* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

inline std::string with_spread(char const* format, estimate const& value) {
  if (std::isnan(value.mean)) return "-";
  std::string const mean = printed(format, value.mean);
  return std::isnan(value.spread) ? mean : mean + " ± " + printed("%.4f", value.spread);
}

/// The difference to the baseline, step by step, of the averages of training losses.
inline std::vector<double> gap_curve(run_result const& run, run_result const& base) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < run.losses.size() && i < base.losses.size(); ++i)
    differences.push_back(run.losses[i] - base.losses[i]);
  return smoothed(differences, keep_of_average);
}

}  // namespace report_detail

inline std::vector<comparison> compare_runs(std::vector<run_result> const& runs) {
  using namespace report_detail;
  std::vector<comparison> table;
  for (std::string const& recipe : recipes_of(runs)) {
    comparison row;
    row.recipe = recipe;
    std::vector<double> validation, gap, percent, training, speed;
    nibble::error_report gradients;
    for (run_result const& run : runs) {
      if (run.recipe != recipe) continue;
      validation.push_back(run.validation);
      speed.push_back(run.tokens_per_second);
      gradients += run.statistics.gradients();
      run_result const* const base = find(runs, baseline, run.seed);
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
    row.is_quantized = gradients.count > 0;
    row.flushed = gradients.flushed_share();
    row.saturated = gradients.saturated_share();
    table.push_back(row);
  }
  return table;
}

/// Whether a gap is beyond twice the spread of seeds; of one seed nothing can be said.
inline std::string verdict(estimate const& gap) {
  if (std::isnan(gap.mean) || std::isnan(gap.spread)) return "-";
  return std::fabs(gap.mean) > 2 * gap.spread ? "yes" : "no";
}

/// The table, in Markdown.
inline std::string format_table(std::vector<run_result> const& runs) {
  using namespace report_detail;
  std::string text =
      "| recipe | validation loss | gap to bf16, nats | gap, % | training loss gap, nats "
      "| beyond 2 spreads | gradients to zero | saturated | tokens/s |\n"
      "|---|---|---|---|---|---|---|---|---|\n";
  for (comparison const& row : compare_runs(runs)) {
    text += "| " + row.recipe + " | " + with_spread("%.4f", row.validation) + " | " +
            with_spread("%+.4f", row.validation_gap) + " | " +
            (std::isnan(row.validation_gap_percent.mean)
                 ? "-"
                 : printed("%+.2f", row.validation_gap_percent.mean)) +
            " | " + with_spread("%+.4f", row.training_gap) + " | " + verdict(row.training_gap) +
            " | " + (row.is_quantized ? printed("%.2f %%", 100 * row.flushed) : "-") + " | " +
            (row.is_quantized ? printed("%.2f %%", 100 * row.saturated) : "-") + " | " +
            printed("%.0f", row.tokens_per_second.mean) + " |\n";
  }
  return text;
}

/// How each recipe differs from a reference recipe on the same batches, in Markdown; empty where there
/// is no such run or nothing to compare.
inline std::string format_differences(std::vector<run_result> const& runs,
                                      std::string const& reference) {
  using namespace report_detail;
  std::string rows;
  for (std::string const& recipe : recipes_of(runs)) {
    std::vector<double> training, validation;
    for (run_result const& run : runs) {
      run_result const* const base = find(runs, reference, run.seed);
      if (run.recipe != recipe || recipe == reference || base == nullptr) continue;
      training.push_back(gap_curve(run, *base).back());
      validation.push_back(run.validation - base->validation);
    }
    if (training.empty()) continue;
    estimate const gap = estimate_of(training);
    rows += "| " + recipe + " | " + with_spread("%+.4f", gap) + " | " + verdict(gap) + " | " +
            with_spread("%+.4f", estimate_of(validation)) + " |\n";
  }
  if (rows.empty()) return "";
  return "| recipe | training loss against " + reference +
         ", nats | beyond 2 spreads | validation loss, nats |\n|---|---|---|---|\n" + rows;
}

/// What quantization did to each operand, in Markdown.
inline std::string format_operands(std::vector<run_result> const& runs) {
  using namespace report_detail;
  static constexpr char const* roles[] = {"fprop x", "fprop w",  "dgrad dy",
                                          "dgrad w", "wgrad dy", "wgrad x"};
  std::string text =
      "| recipe | operand | SQNR, dB | bias | to zero | saturated |\n|---|---|---|---|---|---|\n";
  for (std::string const& recipe : recipes_of(runs)) {
    for (std::size_t role = 0; role < 6; ++role) {
      nibble::error_report sum;
      for (run_result const& run : runs) {
        if (run.recipe == recipe) sum += run.statistics.by_role[role];
      }
      if (sum.count == 0) continue;
      text += "| " + recipe + " | " + roles[role] + " | " + printed("%.2f", sum.sqnr_db()) + " | " +
              printed("%+.1e", sum.relative_bias()) + " | " +
              printed("%.2f %%", 100 * sum.flushed_share()) + " | " +
              printed("%.2f %%", 100 * sum.saturated_share()) + " |\n";
    }
  }
  return text;
}

/// A column of training losses for each run, named RECIPE.SEED.
inline std::string format_csv(std::vector<run_result> const& runs) {
  std::string text = "step";
  std::size_t steps = 0;
  for (run_result const& run : runs) {
    text += "," + run.recipe + "." + std::to_string(run.seed);
    steps = std::max(steps, run.losses.size());
  }
  text += '\n';
  for (std::size_t step = 0; step < steps; ++step) {
    text += std::to_string(step + 1);
    for (run_result const& run : runs)
      text += step < run.losses.size() ? report_detail::printed(",%.6f", run.losses[step]) : ",";
    text += '\n';
  }
  return text;
}

inline std::string format_samples(std::vector<run_result> const& runs) {
  std::string text;
  for (run_result const& run : runs) {
    text += "== " + run.recipe + ", seed " + std::to_string(run.seed) + "\n" + run.sample + "\n\n";
  }
  return text;
}

namespace report_detail {

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

}  // namespace report_detail

/// Two charts: the losses, and their differences to the baseline.
inline std::string draw_losses(std::vector<run_result> const& runs) {
  using namespace report_detail;
  chart losses{"Training loss", "step", "nats per byte (moving average)", {}, 0, 1};
  chart gaps{
      "Difference to bf16 on the same batches", "step", "nats per byte (moving average)", {}, 0, 1};
  for (std::string const& recipe : recipes_of(runs)) {
    std::vector<std::vector<double>> of_seeds, gaps_of_seeds;
    for (run_result const& run : runs) {
      if (run.recipe != recipe) continue;
      of_seeds.push_back(smoothed(run.losses, keep_of_average));
      if (run_result const* const base = find(runs, baseline, run.seed))
        gaps_of_seeds.push_back(gap_curve(run, *base));
    }
    losses.curves.push_back(mean_curve(recipe, of_seeds));
    gaps.curves.push_back(mean_curve(recipe, gaps_of_seeds));
  }
  fit_range(losses, 0.08);
  fit_range(gaps, 0.08);
  bool const has_baseline = !recipes_of(runs).empty() && find(runs, baseline, runs.front().seed);
  return draw(has_baseline ? std::vector<chart>{losses, gaps} : std::vector<chart>{losses});
}

}  // namespace train_lm
