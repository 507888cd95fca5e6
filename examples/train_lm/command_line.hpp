// SPDX-License-Identifier: Apache-2.0
// What the program can be asked to do, and the one-line answers to what it cannot.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "train_lm/recipes.hpp"

namespace train_lm {

/// What the command line asks for.
struct command {
  std::vector<std::string> recipes{"bf16", "fp8", "nvfp4"};
  std::string text, out = "train_lm_out", save, resume, export_to;
  training_options training;
  std::uint64_t seeds = 1;
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  nibble::product products = nibble::product::fast;
  bool on_gpu = false, help = false, figures = false, digest = false;

  command() { training.steps = 500; }
};

inline std::string usage() {
  std::string text = R"(usage: train_lm [OPTION VALUE]...
Trains one language model once for each recipe, on the same batches, and compares them.

  --recipe A,B,...   recipes by name, or all (default: bf16,fp8,nvfp4)
  --text FILE        what to read (default: the King James Bible of Debian's bible-kjv)
  --steps N          training steps (default: 500)
  --seed N           the first seed (default: 1)
  --seeds N          how many seeds, one after another (default: 1)
  --rate X           the highest learning rate (default: 0.003)
  --threads N        threads (default: one a core); does not change any result
  --products MODE    exact or fast (default: fast)
  --device WHERE     where linear layers are calculated: cpu or cuda (default: cpu)
  --out FOLDER       where loss.csv, loss.svg, samples.txt and report.md go (default: train_lm_out)
  --save FILE        a checkpoint of all runs, at the end or at Ctrl-C
  --resume FILE      goes on from a checkpoint
  --export FOLDER    the weights of each run in NVFP4, by ModelOpt's convention, in RECIPE.SEED
  --figures          draws concentration.svg and outliers.svg instead
  --digest           prints a digest of every quantized tensor of one step instead
  --help             prints this

recipes:
)";
  for (known_recipe const& each : known_recipes()) {
    text += "  " + each.name + std::string(24 - std::min<std::size_t>(23, each.name.size()), ' ') +
            each.about + "\n";
  }
  return text;
}

namespace command_line_detail {

/// errors  std::invalid_argument unless the value is a whole number in [least, most].
inline std::uint64_t whole_number(std::string const& option, std::string const& value,
                                  std::uint64_t least, std::uint64_t most) {
  bool const is_number = !value.empty() && value.size() < 19 &&
                         value.find_first_not_of("0123456789") == std::string::npos;
  std::uint64_t const number = is_number ? std::stoull(value) : 0;
  if (!is_number || number < least || number > most) {
    throw std::invalid_argument(option + " takes a whole number from " + std::to_string(least) +
                                " to " + std::to_string(most) + ", not '" + value + "'");
  }
  return number;
}

inline double positive_number(std::string const& option, std::string const& value) {
  char* end = nullptr;
  double const number = std::strtod(value.c_str(), &end);
  if (value.empty() || *end != '\0' || !(number > 0) || !(number < 1e3)) {
    throw std::invalid_argument(option + " takes a number above 0 and below 1000, not '" + value +
                                "'");
  }
  return number;
}

inline std::vector<std::string> recipe_list(std::string const& value) {
  std::vector<std::string> names;
  if (value == "all") {
    for (known_recipe const& each : known_recipes()) names.push_back(each.name);
    return names;
  }
  for (std::size_t from = 0; from <= value.size();) {
    std::size_t const comma = std::min(value.find(',', from), value.size());
    std::string const& name = find_recipe(value.substr(from, comma - from)).name;
    if (std::find(names.begin(), names.end(), name) != names.end())
      throw std::invalid_argument("--recipe names " + name + " twice");
    names.push_back(name);
    from = comma + 1;
  }
  return names;
}

inline nibble::product product_mode(std::string const& value) {
  if (value == "exact") return nibble::product::exact;
  if (value == "fast") return nibble::product::fast;
  throw std::invalid_argument("--products is exact or fast, not '" + value + "'");
}

inline bool is_gpu(std::string const& value) {
  if (value == "cuda") return true;
  if (value == "cpu") return false;
  throw std::invalid_argument("--device is cpu or cuda, not '" + value + "'");
}

}  // namespace command_line_detail

/// errors  std::invalid_argument, with one line that says what is wrong.
inline command parse_command(std::vector<std::string> const& arguments) {
  using namespace command_line_detail;
  command result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string const& option = arguments[i];
    if (option == "--help" || option == "-h") {
      result.help = true;
      continue;
    }
    if (option == "--figures" || option == "--digest") {
      (option == "--figures" ? result.figures : result.digest) = true;
      continue;
    }
    static constexpr std::string_view with_value[] = {
        "--recipe",   "--text",   "--steps", "--seed", "--seeds",  "--rate",  "--threads",
        "--products", "--device", "--out",   "--save", "--resume", "--export"};
    if (std::find(std::begin(with_value), std::end(with_value), option) == std::end(with_value))
      throw std::invalid_argument("unknown option '" + option + "'; --help lists them");
    if (++i == arguments.size() || arguments[i].empty())
      throw std::invalid_argument(option + " takes a value");
    std::string const& value = arguments[i];
    if (option == "--recipe")
      result.recipes = recipe_list(value);
    else if (option == "--text")
      result.text = value;
    else if (option == "--steps")
      result.training.steps = whole_number(option, value, 1, 1'000'000);
    else if (option == "--seed")
      result.training.seed = whole_number(option, value, 0, 1'000'000'000'000);
    else if (option == "--seeds")
      result.seeds = whole_number(option, value, 1, 1000);
    else if (option == "--rate")
      result.training.learning_rate = positive_number(option, value);
    else if (option == "--threads")
      result.threads = static_cast<int>(whole_number(option, value, 1, 256));
    else if (option == "--products")
      result.products = product_mode(value);
    else if (option == "--device")
      result.on_gpu = is_gpu(value);
    else if (option == "--out")
      result.out = value;
    else if (option == "--save")
      result.save = value;
    else if (option == "--resume")
      result.resume = value;
    else
      result.export_to = value;
  }
  return result;
}

}  // namespace train_lm
