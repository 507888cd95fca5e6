// SPDX-License-Identifier: Apache-2.0
// Any words as a command line: refused with one line, or a command within its documented bounds.
#include "train_lm/command_line.hpp"

#include <cmath>

#include "fuzz/input.hpp"

// Names are all that a command line needs of the recipes; the program's own take a minute to compile.
std::vector<train_lm::known_recipe> const& train_lm::known_recipes() {
  static std::vector<known_recipe> const table{
      {"bf16", "", {}}, {"fp8", "", {}}, {"nvfp4", "", {}}, {"nvfp4_tail", "", {}}};
  return table;
}

int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  using namespace train_lm;
  using fuzz::require;
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i != size; ++i) {
    if (bytes[i] == '\n' || bytes[i] == '\0') {
      words.emplace_back();
    } else {
      words.back() += static_cast<char>(bytes[i]);
    }
  }
  command asked;
  try {
    asked = parse_command(words);
  } catch (std::invalid_argument const& refusal) {
    require(std::string(refusal.what()).find('\n') == std::string::npos, "one line is said");
    return 0;
  }
  require(!asked.recipes.empty(), "there is a recipe");
  for (std::string const& name : asked.recipes) require(find_recipe(name).name == name, "a recipe");
  require(asked.training.steps >= 1 && asked.training.steps <= 1'000'000, "steps");
  require(asked.seeds >= 1 && asked.seeds <= 1000, "seeds");
  require(asked.threads >= 1, "threads");
  require(std::isfinite(asked.training.learning_rate) && asked.training.learning_rate > 0 &&
              asked.training.learning_rate < 1e3,
          "the rate");
  return 0;
}
