// SPDX-License-Identifier: Apache-2.0
// What a call of the program leaves behind: the table on the terminal, and files.
#pragma once

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "train_lm/command_line.hpp"
#include "train_lm/corpus.hpp"
#include "train_lm/loss_chart.hpp"
#include "train_lm/quantization_config.hpp"
#include "train_lm/report.hpp"

namespace train_lm {

/// Makes the folder for results, and finds out now whether they can be written.
inline void require_results(std::string const& folder, std::vector<std::string> const& names) {
  require_folder(folder);
  for (std::string const& name : names) require_writable(folder + "/" + name);
}

/// A run's weights for an inference engine, and the name of the folder for them, RECIPE.SEED.
struct exported_run {
  std::string name;
  model_config config;
  nvfp4_model exported;
};

namespace results_detail {

/// What the runs were, so that a table can be had again.
inline std::string description(command const& asked, corpus const& from, run_result const& first) {
  training_options const& options = asked.training;
  char text[256];
  std::snprintf(
      text, sizeof text,
      "%td parameters, %llu steps of %td x %td bytes, %llu seed%s from %llu, learning rate "
      "%g, %s products\ntext: ",
      first.parameters, static_cast<unsigned long long>(options.steps), options.sequences,
      options.length, static_cast<unsigned long long>(asked.seeds), asked.seeds == 1 ? "" : "s",
      static_cast<unsigned long long>(options.seed), options.learning_rate,
      asked.products == nibble::product::exact ? "exact" : "fast");
  return text + from.origin + "\n";
}

inline constexpr char const* legend =
    "Gap: to bf16 with the same seed, so on the same batches; ±: standard deviation over seeds.\n"
    "Training loss: its moving average at the end. Beyond 2 spreads: whether that gap is.\n"
    "To zero, saturated: of gradient elements, every 50th step.\n";

}  // namespace results_detail

/// Prints the results, then writes them: whoever waited sees them, even if the disk is full. The
/// checkpoint first, for which there is room, and only where it was asked for.
/// errors  as write_atomically
inline void give_results(command const& asked, corpus const& from, job const& done,
                         std::vector<exported_run> const& exports, atomic_file& checkpoint) {
  using namespace results_detail;
  std::vector<run_result> const& runs = done.results();
  std::string const report =
      description(asked, from, runs.front()) + "\n" + format_table(runs) + "\n" + legend;
  std::cout << "\n" << report << "\n";
  for (run_result const& each : runs) {
    if (each.seed == asked.training.seed)
      std::cout << each.recipe << " writes: " << harmless(each.sample) << "\n\n";
  }
  std::cout << std::flush;

  if (!asked.save.empty()) {
    checkpoint.write_at(0, format_safetensors(done.checkpoint()));
    checkpoint.commit();
  }
  write_atomically(asked.out + "/loss.csv", format_csv(runs));
  write_atomically(asked.out + "/loss.svg", draw_losses(runs));
  write_atomically(asked.out + "/samples.txt", format_samples(runs));
  write_atomically(asked.out + "/report.md", report + "\n" + format_differences(runs, "nvfp4") +
                                                 "\n" + format_operands(runs));
  for (exported_run const& each : exports) {
    std::string const folder = asked.export_to + "/" + each.name;
    require_folder(folder);
    write_atomically(folder + "/model.safetensors", format_safetensors(each.exported.weights));
    write_atomically(folder + "/hf_quant_config.json", format_hf_quant_config(each.exported));
    write_atomically(folder + "/config.json", format_config(each.config, each.exported));
  }
  std::cout << "written: " << asked.out << "/{report.md,loss.csv,loss.svg,samples.txt}\n";
}

}  // namespace train_lm
