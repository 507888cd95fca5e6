// SPDX-License-Identifier: Apache-2.0
// The recipes that the program knows, by name.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "train_lm/quantized_projection.hpp"
#include "train_lm/trainer.hpp"

namespace train_lm {

/// A recipe of the table. make: projections that sum as asked and count into the statistics.
struct known_recipe {
  std::string name;
  std::string about;
  projection_factory<float> (*make)(nibble::product, std::shared_ptr<operand_statistics>);
  /// What its forward pass makes of a weight, where oscillating ones are reset; null elsewhere.
  matrix<float> (*quantized)(matrix<float> const&) = nullptr;
};

/// All recipes, the baselines first.
std::vector<known_recipe> const& known_recipes();

inline std::string recipe_names() {
  std::string names;
  for (known_recipe const& each : known_recipes()) names += (names.empty() ? "" : " ") + each.name;
  return names;
}

/// The entry of that name.
/// errors  std::invalid_argument that lists the names.
inline known_recipe const& find_recipe(std::string const& name) {
  for (known_recipe const& each : known_recipes()) {
    if (each.name == name) return each;
  }
  throw std::invalid_argument("unknown recipe '" + name + "'; there are: " + recipe_names() +
                              ", or all");
}

/// The recipe of that name, ready for a trainer.
inline recipe make_recipe(std::string const& name, nibble::product mode) {
  auto const statistics = std::make_shared<operand_statistics>();
  known_recipe const& found = find_recipe(name);
  recipe result{name, found.make(mode, statistics),
                mode == nibble::product::exact ? "exact" : "fast", statistics};
  if (found.quantized != nullptr) result.quantized = found.quantized;
  return result;
}

}  // namespace train_lm
