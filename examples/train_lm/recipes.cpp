// SPDX-License-Identifier: Apache-2.0
// The table of recipes, apart from the rest because it makes the library's loops for every recipe:
// most of what there is to compile.
#include "train_lm/recipe_entry.hpp"

#include "nibble/recipes/bf16.hpp"
#include "nibble/recipes/four_over_six.hpp"
#include "nibble/recipes/fp8.hpp"
#include "train_lm/ablations.hpp"

namespace train_lm {

std::vector<known_recipe> const& known_recipes() {
  using namespace ablations;
  namespace library = nibble::recipes;
  // One line for each: its type, its name, and what `--help` says of it.
  std::vector<known_recipe> const here{
      entry<library::bf16>("bf16", "the baseline: every operand rounded to BF16"),
      entry<library::fp8>("fp8", "E4M3, 128x128 weights, 1x128 activations and gradients"),
      entry<library::nvfp4>("nvfp4", "NVIDIA's recipe"),
      entry<library::mxfp4>("mxfp4", "MXFP4, otherwise as nvfp4"),
      entry<library::four_over_six>("four_over_six", "nvfp4 with 4/6 scales in the forward pass"),
      entry<nvfp4_no_sr>("nvfp4_no_sr", "nvfp4 with gradients rounded to nearest"),
      entry<nvfp4_no_hadamard>("nvfp4_no_hadamard", "nvfp4 without the rotation in wgrad"),
      entry<nvfp4_1d_weights>("nvfp4_1d_weights", "nvfp4 with weights in 1x16 blocks"),
      entry<nvfp4_no_bf16_layers>("nvfp4_no_bf16_layers", "nvfp4 in every layer"),
      entry<nvfp4_sr_activations>("nvfp4_sr_activations", "nvfp4 with SR on activations too"),
      entry<nvfp4_no_tensor_scale>("nvfp4_no_tensor_scale", "nvfp4, gradients without FP32 scale"),
      entry<mxfp4_nearest>("mxfp4_nearest", "MXFP4, all to nearest, no rotation"),
  };
  static std::vector<known_recipe> const all = [&] {
    std::vector<known_recipe> joined = here;
    for (known_recipe& each : published_methods()) joined.push_back(std::move(each));
    return joined;
  }();
  return all;
}

}  // namespace train_lm
