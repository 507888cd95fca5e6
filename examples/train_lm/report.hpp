// SPDX-License-Identifier: Apache-2.0
// What the runs showed: tables for people, a CSV for programs, and samples.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "train_lm/comparison.hpp"

namespace train_lm {

namespace report_detail {

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

/// How many elements, and which share of those that were looked at.
inline std::string count_of(std::int64_t some, nibble::error_report const& of) {
  if (of.count == 0) return "-";
  return std::to_string(some) +
         printed(" (%.2f %%)", 100 * static_cast<double>(some) / static_cast<double>(of.count));
}

}  // namespace report_detail

/// The table, in Markdown.
inline std::string format_table(std::vector<run_result> const& runs) {
  using namespace report_detail;
  std::string text =
      "| recipe | validation loss | gap to bf16, nats | gap, % | training loss gap, nats "
      "| beyond 2 spreads | gradients to zero | saturated | tokens/s |\n"
      "|---|---|---|---|---|---|---|---|---|\n";
  for (comparison const& row : compare_runs(runs)) {
    text += "| " + row.recipe + " | " +
            (std::isnan(row.validation.mean) ? "diverged" : with_spread("%.4f", row.validation)) +
            " | " + with_spread("%+.4f", row.validation_gap) + " | " +
            (std::isnan(row.validation_gap_percent.mean)
                 ? "-"
                 : printed("%+.2f", row.validation_gap_percent.mean)) +
            " | " + with_spread("%+.4f", row.training_gap) + " | " + verdict(row.training_gap) +
            " | " + count_of(row.gradients.flushed, row.gradients) + " | " +
            count_of(row.gradients.saturated, row.gradients) + " | " +
            (std::isnan(row.tokens_per_second.mean) ? "-"
                                                    : printed("%.0f", row.tokens_per_second.mean)) +
            " |\n";
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
      run_result const* const base = run_of(runs, reference, run.seed);
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
              printed("%+.1e", sum.relative_bias()) + " | " + count_of(sum.flushed, sum) + " | " +
              count_of(sum.saturated, sum) + " |\n";
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

/// Text that a model wrote, for a terminal: control characters become question marks.
inline std::string harmless(std::string text) {
  for (char& letter : text) {
    bool const is_control = static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f;
    if (is_control && letter != '\n' && letter != '\t') letter = '?';
  }
  return text;
}

inline std::string format_samples(std::vector<run_result> const& runs) {
  std::string text;
  for (run_result const& run : runs) {
    text += "== " + run.recipe + ", seed " + std::to_string(run.seed) + "\n" +
            harmless(run.sample) + "\n\n";
  }
  return text;
}

}  // namespace train_lm
