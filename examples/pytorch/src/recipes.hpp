// SPDX-License-Identifier: Apache-2.0
// The recipes that are compiled in beside the library's own: its NVFP4 with one part changed,
// as the training example has it.
#pragma once

#include "nibble/recipes/four_over_six.hpp"
#include "nibble/recipes/fp8.hpp"
#include "nibble/recipes/mxfp4.hpp"
#include "nibble/recipes/nvfp4.hpp"
#include "nibble/recipes/quartet2.hpp"
#include "train_lm/ablations.hpp"

namespace nibble_torch::recipes {

using namespace nibble::recipes;
using nibble::operand;

/// Every operand in 1x16 blocks to nearest: no square tiles, no rotation, no stochastic rounding.
struct nvfp4_nearest
    : nibble::recipe<operand<nvfp4_parts::activations>, operand<nvfp4_parts::activations>,
                     operand<nvfp4_parts::activations>, operand<nvfp4_parts::activations>,
                     operand<nvfp4_parts::activations>, operand<nvfp4_parts::activations>> {};

using train_lm::ablations::nvfp4_no_hadamard;
using train_lm::ablations::nvfp4_no_sr;
using nvfp4_sr_forward = train_lm::ablations::nvfp4_sr_activations;

}  // namespace nibble_torch::recipes
