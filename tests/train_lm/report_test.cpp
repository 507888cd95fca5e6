// SPDX-License-Identifier: Apache-2.0
// The table compares runs of one seed with one another, and claims no more than the seeds allow.
#include "train_lm/report.hpp"

#include <doctest/doctest.h>

#include "train_lm/loss_chart.hpp"

using namespace train_lm;

namespace {
run_result result_of(std::string const& recipe, std::uint64_t seed, double validation,
                     std::vector<double> losses) {
  run_result result;
  result.recipe = recipe;
  result.seed = seed;
  result.validation = validation;
  result.losses = std::move(losses);
  return result;
}

bool has(std::string const& text, std::string const& part) {
  return text.find(part) != std::string::npos;
}
}  // namespace

TEST_CASE("train_lm: an estimate is a mean and the deviation of the sample") {
  estimate const two = estimate_of({1, 3});
  CHECK(two.mean == 2);
  CHECK(two.spread == doctest::Approx(std::sqrt(2.0)));
  CHECK(estimate_of({5}).mean == 5);
  CHECK(std::isnan(estimate_of({5}).spread));
  CHECK(std::isnan(estimate_of({}).mean));
  CHECK(verdict({0.5, 0.2}) == "yes");
  CHECK(verdict({-0.5, 0.2}) == "yes");
  CHECK(verdict({0.5, 0.3}) == "no");
  CHECK(verdict({0.5, NAN}) == "-");
}

TEST_CASE("train_lm: gaps are taken seed by seed") {
  // Seeds differ by 1, the recipe by 0.1 and 0.3.
  std::vector<run_result> const runs{
      result_of("bf16", 1, 2.0, {4, 4}), result_of("nvfp4", 1, 2.1, {4.5, 4.5}),
      result_of("bf16", 2, 3.0, {5, 5}), result_of("nvfp4", 2, 3.3, {5.5, 5.5})};
  std::vector<comparison> const table = compare_runs(runs);
  REQUIRE(table.size() == 2);
  CHECK(std::isnan(table[0].validation_gap.mean));
  CHECK(table[1].validation.mean == doctest::Approx(2.7));
  CHECK(table[1].validation_gap.mean == doctest::Approx(0.2));
  CHECK(table[1].validation_gap.spread == doctest::Approx(std::sqrt(0.02)));
  CHECK(table[1].validation_gap_percent.mean == doctest::Approx((5.0 + 10.0) / 2));
  CHECK(table[1].training_gap.mean == doctest::Approx(0.5));
  CHECK(table[1].training_gap.spread == doctest::Approx(0).epsilon(1e-9));
  CHECK(has(format_table(runs), "| nvfp4 | 2.7000 ± 0.8485 | +0.2000 ± 0.1414 | +7.50 |"));
  CHECK(has(format_differences(runs, "nvfp4"), "| bf16 | -0.5000 ± 0.0000 | yes | -0.2000"));
  CHECK(format_differences(runs, "fp8").empty());
}

TEST_CASE("train_lm: without a baseline there are losses and no gaps") {
  std::vector<run_result> const runs{result_of("nvfp4", 1, 2.5, {3, 2, 1})};
  CHECK(has(format_table(runs), "| nvfp4 | 2.5000 | - | - | - | - |"));
  std::string const svg = draw_losses(runs);
  CHECK(has(svg, "Training loss"));
  CHECK_FALSE(has(svg, "Difference"));
  CHECK(format_csv(runs) == "step,nvfp4.1\n1,3.000000\n2,2.000000\n3,1.000000\n");
}

TEST_CASE("train_lm: the table counts what became zero and what saturated, over all seeds") {
  std::vector<run_result> runs{result_of("nvfp4", 1, 2, {2}), result_of("nvfp4", 2, 2, {2}),
                               result_of("bf16", 1, 2, {2})};
  for (std::size_t seed = 0; seed < 2; ++seed) {
    for (auto const role : {nibble::operand_role::dgrad_dy, nibble::operand_role::wgrad_dy}) {
      nibble::error_report& counted = runs[seed].statistics.by_role[static_cast<std::size_t>(role)];
      counted.count = 100;
      counted.flushed = 20;
      counted.saturated = 3;
    }
    runs[seed].statistics.by_role[0].count = 1000;  // x: no gradient
  }
  runs[0].tokens_per_second = 500;  // the other was resumed after its end
  std::string const table = format_table(runs);
  CHECK(has(table, "| 80 (20.00 %) | 12 (3.00 %) | 500 |"));
  CHECK(has(table, "| - | - | - |\n"));
  CHECK(has(format_operands(runs), "| 40 (20.00 %) | 6 (3.00 %) |"));
}

TEST_CASE("train_lm: a run that diverged is called so") {
  std::vector<run_result> const runs{result_of("bf16", 1, 2, {3, 2}),
                                     result_of("nvfp4", 1, NAN, {3, NAN})};
  CHECK(has(format_table(runs), "| nvfp4 | diverged | - | - | - | - |"));
  CHECK_FALSE(has(draw_losses(runs), "nan"));
}

TEST_CASE("train_lm: a sample cannot control a terminal") {
  run_result wild = result_of("bf16", 1, 2, {2});
  wild.sample = "a\x1b[2J_\r\n\tc\x7f\xc3\xa9";
  CHECK(format_samples({wild}) == "== bf16, seed 1\na?[2J_?\n\tc?\xc3\xa9\n\n");
}

TEST_CASE("train_lm: a chart of several seeds has a band") {
  std::vector<run_result> const runs{
      result_of("bf16", 1, 2, {4, 3, 2}), result_of("nvfp4", 1, 2, {4, 3.5, 2.5}),
      result_of("bf16", 2, 2, {4, 3, 2.5}), result_of("nvfp4", 2, 2, {5, 3.5, 2.5})};
  std::string const svg = draw_losses(runs);
  CHECK(has(svg, "Difference to bf16"));
  CHECK(has(svg, "fill-opacity"));
  CHECK_FALSE(has(svg, "nan"));
}
