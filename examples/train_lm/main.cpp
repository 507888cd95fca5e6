// SPDX-License-Identifier: Apache-2.0
// Trains the same model from the same seeds on the same batches once for each recipe, and compares.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "train_lm/captured_gradient.hpp"
#include "train_lm/command_line.hpp"
#include "train_lm/corpus.hpp"
#include "train_lm/digest.hpp"
#include "train_lm/estimator_figure.hpp"
#include "train_lm/interrupt.hpp"
#include "train_lm/job.hpp"
#include "train_lm/outlier_figure.hpp"
#include "train_lm/progress.hpp"
#include "train_lm/quantization_config.hpp"
#include "train_lm/report.hpp"

namespace train_lm {
namespace {

/// errors  std::runtime_error unless a file can be put at this path.
void require_writable(std::string const& path) {
  if (path.empty()) return;
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    throw std::runtime_error("cannot write " + path + ": it is a folder");
  std::string trial = path + ".XXXXXX";
  int const file = ::mkstemp(trial.data());
  if (file < 0) throw std::runtime_error("cannot write " + path + ": " + std::strerror(errno));
  ::close(file);
  ::unlink(trial.c_str());
}

void require_folder(std::string const& path) {
  std::error_code failure;
  std::filesystem::create_directories(path, failure);
  if (!std::filesystem::is_directory(path, failure))
    throw std::runtime_error("cannot make the folder " + path);
  require_writable(path + "/report.md");
}

void draw_figures(command const& asked, text const& lines, parallel_for const& parallel) {
  require_folder(asked.out);
  std::cerr << "training 50 steps for a gradient to quantize...\n";
  matrix<float> const gradient = captured_gradient(lines, 50, parallel);
  std::cerr << "averaging up to 1024 quantizations of it, for each estimator...\n";
  auto curves = measure_estimators(gradient, 1024, parallel);
  curves.push_back(unbiased_law(curves[4]));
  auto const outliers = measure_outliers(parallel);
  std::string const tables =
      "Relative squared error of the mean of B quantizations of a gradient:\n\n" +
      format_estimators(curves) + "\nOutlier tokens in a gradient:\n\n" + format_outliers(outliers);
  write_atomically(asked.out + "/concentration.svg", draw_estimators(curves));
  write_atomically(asked.out + "/outliers.svg", draw_outliers(outliers));
  write_atomically(asked.out + "/figures.md", tables);
  std::cout << tables << "\nwritten: " << asked.out
            << "/{concentration.svg,outliers.svg,figures.md}\n";
}

/// What the runs were, so that a table can be had again.
std::string description(command const& asked, corpus const& from, run_result const& first) {
  training_options const& options = asked.training;
  char text[400];
  std::snprintf(
      text, sizeof text,
      "%td parameters, %llu steps of %td x %td bytes, %llu seed%s from %llu, learning rate "
      "%g, %s products\ntext: %s\n",
      first.parameters, static_cast<unsigned long long>(options.steps), options.sequences,
      options.length, static_cast<unsigned long long>(asked.seeds), asked.seeds == 1 ? "" : "s",
      static_cast<unsigned long long>(options.seed), options.learning_rate,
      asked.products == nibble::product::exact ? "exact" : "fast", from.origin.c_str());
  return text;
}

void write_results(command const& asked, corpus const& from, job const& done) {
  std::string const report =
      description(asked, from, done.results().front()) + "\n" + format_table(done.results()) +
      "\nGap: to bf16 with the same seed, so on the same batches; ±: standard "
      "deviation over seeds.\nTraining loss: its moving average at the end. "
      "Beyond 2 spreads: whether that gap is.\nTo zero, saturated: of gradient "
      "elements, every 50th step.\n";
  write_atomically(asked.out + "/loss.csv", format_csv(done.results()));
  write_atomically(asked.out + "/loss.svg", draw_losses(done.results()));
  write_atomically(asked.out + "/samples.txt", format_samples(done.results()));
  write_atomically(asked.out + "/report.md", report + "\n" +
                                                 format_differences(done.results(), "nvfp4") +
                                                 "\n" + format_operands(done.results()));
  std::cout << "\n" << report << "\n";
  for (run_result const& each : done.results()) {
    if (each.seed == asked.training.seed)
      std::cout << each.recipe << " writes: " << each.sample << "\n\n";
  }
  std::cout << "written: " << asked.out << "/{report.md,loss.csv,loss.svg,samples.txt}\n";
}

/// Writes the folder RECIPE.SEED in the folder asked for.
void write_export(command const& asked, trainer& done, text const& lines,
                  parallel_for const& parallel) {
  model<float> const& trained = done.trained_model();
  nvfp4_model const exported =
      export_nvfp4(trained, calibrate(trained, lines, done.options(), parallel));
  std::string const folder =
      asked.export_to + "/" + done.name() + "." + std::to_string(done.options().seed);
  require_folder(folder);
  write_atomically(folder + "/model.safetensors", format_safetensors(exported.weights));
  write_atomically(folder + "/hf_quant_config.json", format_hf_quant_config(exported));
  write_atomically(folder + "/config.json", format_config(trained.config(), exported));
}

int train(command const& asked, corpus const& from, text const& lines,
          parallel_for const& parallel) {
  tensor_file before;
  if (!asked.resume.empty()) {
    before = parse_safetensors(read_file(asked.resume));
    if (before.tensors.empty()) throw safetensors_error("the checkpoint holds no run");
  }
  job work{{.recipes = asked.recipes,
            .seeds = asked.seeds,
            .products = asked.products,
            .training = asked.training},
           lines,
           parallel,
           std::move(before)};
  // Whatever could go wrong at the end goes wrong now, before anyone waits for it.
  require_folder(asked.out);
  require_writable(asked.save);
  if (!asked.export_to.empty()) require_folder(asked.export_to);
  std::string const save = asked.save.empty() ? asked.out + "/stopped.safetensors" : asked.save;

  std::cerr << "text: " << from.origin << ", " << from.bytes.size() << " bytes\n";
  catch_interrupts();
  std::shared_ptr<progress> bar;
  auto const show = [&](std::string const& recipe, std::uint64_t seed) {
    std::string const label = asked.seeds == 1 ? recipe : recipe + ", seed " + std::to_string(seed);
    bar =
        std::make_shared<progress>(std::cerr, ::isatty(STDERR_FILENO) != 0, label,
                                   asked.training.steps, static_cast<std::uint64_t>(work.tokens()));
    return run_hooks{.after_step =
                         [bar](trainer const& at, std::uint64_t taken, double seconds) {
                           bar->show(at.losses().size(), taken, seconds, at.losses().back());
                         },
                     .should_stop = [] { return stop_requested != 0; }};
  };
  bool const finished = work.run_all(show, [&](trainer& done) {
    if (!asked.export_to.empty()) write_export(asked, done, lines, parallel);
  });
  if (!finished) {
    bar->stop();
    write_atomically(save, format_safetensors(work.checkpoint()));
    std::cerr << "stopped and saved; to go on, add: --resume " << save << "\n";
    return 130;
  }
  if (!asked.save.empty()) write_atomically(save, format_safetensors(work.checkpoint()));
  write_results(asked, from, work);
  return 0;
}

int run_program(command const& asked) {
  if (asked.help) {
    std::cout << usage();
    return 0;
  }
  corpus const from = find_corpus(asked.text, NIBBLE_REPOSITORY);
  text const lines{from.bytes};
  lines.require_length(asked.training.length);
  parallel_for const parallel{asked.threads};
  if (asked.digest) {
    std::cout << digest_of_first_step(lines, asked.training, parallel);
    return 0;
  }
  if (asked.figures) {
    draw_figures(asked, lines, parallel);
    return 0;
  }
  return train(asked, from, lines, parallel);
}

}  // namespace
}  // namespace train_lm

int main(int count, char** values) {
  try {
    return train_lm::run_program(train_lm::parse_command({values + 1, values + count}));
  } catch (std::exception const& failure) {
    std::cerr << "train_lm: " << failure.what() << '\n';
    return 2;
  }
}
