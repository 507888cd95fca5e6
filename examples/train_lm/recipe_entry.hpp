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

/// The same, with the hook that resets weights which oscillate under the recipe's forward pass.
template <class Recipe>
known_recipe entry_with_reset(char const* name, char const* about) {
  known_recipe result = entry<Recipe>(name, about);
  result.quantized = [](matrix<float> const& weight) {
    typename Recipe::fprop_w::quantizer const q{};
    matrix<float> back(weight.rows(), weight.cols());
    nibble::dequantize(nibble::quantized(view_of(weight), q, nibble::threads{1}).view(),
                       view_of(back), q, nibble::domain::original, nibble::threads{1});
    return back;
  };
  return result;
}

/// The part of the table that methods.cpp holds.
std::vector<known_recipe> published_methods();

}  // namespace train_lm
