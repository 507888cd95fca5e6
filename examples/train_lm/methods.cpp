// SPDX-License-Identifier: Apache-2.0
// The published methods of the table of recipes, apart so that they compile beside the rest.
#include "train_lm/recipe_entry.hpp"

#include "nibble/recipes/averis.hpp"
#include "nibble/recipes/if4.hpp"
#include "nibble/recipes/mxfp4_plain.hpp"
#include "nibble/recipes/nemotron3.hpp"
#include "nibble/recipes/quartet2.hpp"
#include "nibble/recipes/razer.hpp"
#include "nibble/recipes/stable_fp4.hpp"
#include "nibble/recipes/tetrajet2.hpp"
#include "nibble/recipes/ue5m3.hpp"
#include "nibble/recipes/ufp4.hpp"
#include "train_lm/variants.hpp"

namespace train_lm {

std::vector<known_recipe> published_methods() {
  using namespace variants;
  namespace library = nibble::recipes;
  return {
      entry<library::mxfp4_plain>("mxfp4_plain", "mxfp4 without the rotation in wgrad"),
      entry<library::mxfp8>("mxfp8", "E4M3 in blocks of 32, for all operands"),
      entry<library::quartet2>("quartet2", "4/6 forward, MS-EDEN backward, in every layer"),
      entry<library::tetrajet2>("tetrajet2",
                                "scales of two levels, unbiased backward, every layer"),
      entry_with_reset<library::tetrajet2>("tetrajet2_reset",
                                           "the same, oscillating weights reset"),
      entry<library::averis>("averis", "nvfp4 less the mean of activations and gradients"),
      entry<library::ue5m3>("ue5m3", "UE5M3 scales without a tensor scale, every layer"),
      entry<library::if4>("if4", "nvfp4 with E2M1 or integers by block"),
      entry<library::razer>("razer", "nvfp4 with a special value for -0"),
      entry<library::ufp4>("ufp4", "integers, every product rotated"),
      entry<library::stable_fp4>("stable_fp4", "16x16 tiles everywhere, attention in MXFP8"),
      entry<library::nemotron3>("nemotron3", "nvfp4, attention in BF16, Mamba's output in MXFP8"),
      entry<nvfp4_switch>("nvfp4_switch", "nvfp4, BF16 for the last 18 % of the steps"),
      entry<nvfp4_switch_forward>("nvfp4_switch_forward", "the same, of the forward pass only"),
      entry<nvfp4_mixed>("nvfp4_mixed", "nvfp4, a tenth of the channels in MXFP8"),
      entry<nvfp4_augmented>("nvfp4_augmented", "nvfp4, a tenth of the channels again"),
      entry<nvfp4_differentiable>("nvfp4_differentiable", "nvfp4 with DGE for the weights"),
  };
}

}  // namespace train_lm
