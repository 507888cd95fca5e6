// SPDX-License-Identifier: Apache-2.0
// One line of the table of recipes: a type of the library as something the program can run.
#pragma once

#include "train_lm/recipes.hpp"

namespace train_lm {

template <class Recipe>
known_recipe entry(char const* name, char const* about) {
  return {name, about, [](nibble::product mode, std::shared_ptr<operand_statistics> statistics) {
            return mode == nibble::product::exact
                       ? quantized_projections<Recipe, nibble::product::exact>(statistics)
                       : quantized_projections<Recipe, nibble::product::fast>(statistics);
          }};
}

/// The part of the table that methods.cpp holds.
std::vector<known_recipe> published_methods();

}  // namespace train_lm
