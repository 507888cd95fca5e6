// SPDX-License-Identifier: Apache-2.0
// Trains the same model from the same seed on the same text once for each recipe, and compares.
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "train_lm/interrupt.hpp"
#include "train_lm/progress.hpp"
#include "train_lm/svg.hpp"
#include "train_lm/trainer.hpp"

namespace train_lm {
namespace {

/// What the command line asks for.
struct command {
  std::string text;
  std::string out = ".";
  std::string save, resume;
  training_options training;
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
};

std::uint64_t whole_number(std::string_view option, std::string const& value) {
  std::size_t used = 0;
  unsigned long long number = 0;
  if (!value.empty() && value.find_first_not_of("0123456789") == std::string::npos &&
      value.size() < 19) {
    number = std::stoull(value, &used);
  }
  if (used == 0) {
    throw std::invalid_argument(std::string{option} + " takes a whole number, not '" + value + "'");
  }
  return number;
}

command parse(std::vector<std::string> const& arguments) {
  command result;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    std::string const& option = arguments[i];
    if (i + 1 == arguments.size()) {
      throw std::invalid_argument(option + " takes a value, or is not an option");
    }
    std::string const& value = arguments[i + 1];
    if (option == "--text") {
      result.text = value;
    } else if (option == "--out") {
      result.out = value;
    } else if (option == "--save") {
      result.save = value;
    } else if (option == "--resume") {
      result.resume = value;
    } else if (option == "--steps") {
      result.training.steps = whole_number(option, value);
    } else if (option == "--seed") {
      result.training.seed = whole_number(option, value);
    } else if (option == "--threads") {
      result.threads = static_cast<int>(std::min<std::uint64_t>(whole_number(option, value), 256));
    } else {
      throw std::invalid_argument("unknown option " + option);
    }
  }
  if (result.text.empty()) {
    throw std::invalid_argument("--text FILE is needed");
  }
  return result;
}

std::string loss_chart(std::vector<trainer const*> const& runs) {
  chart plot{"Training loss", "step", "nats per byte, moving average", {}, 1, 3};
  for (trainer const* const each : runs) {
    curve line{each->name(), {}};
    std::vector<double> const values = smoothed(each->losses(), 0.95);
    for (std::size_t i = 0; i < values.size(); ++i) {
      line.points.emplace_back(static_cast<double>(i + 1), values[i]);
    }
    plot.curves.push_back(std::move(line));
  }
  return draw(plot);
}

int train(command const& asked) {
  text const lines = text::from_file(asked.text);
  parallel_for const parallel{asked.threads};
  recipe const exact{"fp32", exact_projections<float>()};
  trainer training{exact, model_config{}, asked.training, lines, parallel};
  if (!asked.resume.empty()) {
    training.restore(parse_safetensors(read_file(asked.resume)));
  }
  auto const tokens = static_cast<std::uint64_t>(asked.training.sequences * asked.training.length);
  progress bar{std::cerr, ::isatty(STDERR_FILENO) != 0, exact.name, asked.training.steps, tokens};
  catch_interrupts();
  bool const finished =
      run(training, {.after_step =
                         [&](trainer const& at, std::uint64_t taken, double seconds) {
                           bar.show(at.losses().size(), taken, seconds, at.losses().back());
                         },
                     .should_stop = [] { return stop_requested != 0; }});
  if (!asked.save.empty()) {
    write_atomically(asked.save, format_safetensors(training.checkpoint()));
  }
  if (!finished) {
    bar.stop();
    std::cerr << "stopped after step " << training.losses().size()
              << (asked.save.empty() ? "; nothing saved (--save FILE)\n" : "; saved\n");
    return 130;
  }
  std::printf("%s: %td parameters, validation loss %.4f nats per byte\n\n%s\n", exact.name.c_str(),
              training.trained_model().trained().count(), training.validation_loss(),
              training.sample().c_str());
  write_atomically(asked.out + "/loss.svg", loss_chart({&training}));
  return 0;
}

}  // namespace
}  // namespace train_lm

int main(int count, char** values) {
  try {
    return train_lm::train(train_lm::parse({values + 1, values + count}));
  } catch (std::exception const& failure) {
    std::cerr << "train_lm: " << failure.what() << '\n';
    return 2;
  }
}
