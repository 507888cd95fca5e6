// SPDX-License-Identifier: Apache-2.0
// Trains the same model from the same seeds on the same batches once for each recipe, and compares.
#include <unistd.h>

#include <iostream>

#include "train_lm/captured_gradient.hpp"
#include "train_lm/command_line.hpp"
#include "train_lm/corpus.hpp"
#include "train_lm/device_projection.hpp"
#include "train_lm/digest.hpp"
#include "train_lm/estimator_figure.hpp"
#include "train_lm/interrupt.hpp"
#include "train_lm/job.hpp"
#include "train_lm/outlier_figure.hpp"
#include "train_lm/progress.hpp"
#include "train_lm/results.hpp"

namespace train_lm {
namespace {

void draw_figures(command const& asked, text const& lines, parallel_for const& parallel) {
  require_results(asked.out, {"concentration.svg", "outliers.svg", "figures.md"});
  std::cerr << "training 50 steps for a gradient to quantize...\n";
  matrix<float> const gradient = captured_gradient(lines, 50, parallel);
  std::cerr << "averaging up to 1024 quantizations of it, for each estimator...\n";
  auto curves = measure_estimators(gradient, 1024, parallel);
  curves.push_back(unbiased_law(curves[4]));
  auto const outliers = measure_outliers(parallel);
  std::string const tables =
      "Relative squared error of the mean of B quantizations of a gradient:\n\n" +
      format_estimators(curves) + "\nOutlier tokens in a gradient:\n\n" + format_outliers(outliers);
  std::cout << tables << std::flush;
  write_atomically(asked.out + "/concentration.svg", draw_estimators(curves));
  write_atomically(asked.out + "/outliers.svg", draw_outliers(outliers));
  write_atomically(asked.out + "/figures.md", tables);
  std::cout << "\nwritten: " << asked.out << "/{concentration.svg,outliers.svg,figures.md}\n";
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
            .make = asked.on_gpu ? make_device_recipe : make_recipe,
            .training = asked.training},
           lines,
           parallel,
           std::move(before)};
  // Whatever could go wrong at the end goes wrong now, before anyone waits for it.
  std::string const save = asked.save.empty() ? asked.out + "/stopped.safetensors" : asked.save;
  require_results(asked.out, {"loss.csv", "loss.svg", "samples.txt", "report.md"});
  if (std::error_code ignored; std::filesystem::equivalent(save, asked.text, ignored))
    throw std::runtime_error("cannot write " + save + ": it is the text to train on");
  atomic_file checkpoint{save, work.most_bytes()};  // a disk that fills up meanwhile loses nothing
  if (!asked.export_to.empty()) require_results(asked.export_to, {"config.json"});

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
  std::vector<exported_run> exported;
  bool const finished = work.run_all(show, [&](trainer const& done) {
    if (asked.export_to.empty()) return;
    model<float> const& trained = done.trained_model();
    exported.push_back(
        {done.name() + "." + std::to_string(done.options().seed), trained.config(),
         export_nvfp4(trained, calibrate(trained, lines, done.options(), parallel))});
  });
  if (!finished) {
    bar->stop();
    checkpoint.write_at(0, format_safetensors(work.checkpoint()));
    checkpoint.commit();
    std::cerr << "stopped and saved; to go on, add: --resume " << save << "\n";
    return 130;
  }
  give_results(asked, from, work, exported, checkpoint);
  return 0;
}

int run_program(command const& asked) {
  if (asked.help) {
    std::cout << usage();
    return 0;
  }
  if (std::string const why = asked.on_gpu ? why_no_device() : ""; !why.empty())
    throw std::runtime_error("--device cuda: " + why);
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
    train_lm::ignore_write_signals();
    int const status = train_lm::run_program(train_lm::parse_command({values + 1, values + count}));
    if (!std::cout.flush()) throw std::runtime_error("cannot write to the standard output");
    return status;
  } catch (std::exception const& failure) {
    std::cerr << "train_lm: " << failure.what() << '\n';
    return 2;
  }
}
