// SPDX-License-Identifier: Apache-2.0
// The recipes that are compiled in beside the library's own: its NVFP4 with one part changed.
#pragma once

#include "nibble/recipes/four_over_six.hpp"
#include "nibble/recipes/fp8.hpp"
#include "nibble/recipes/mxfp4.hpp"
#include "nibble/recipes/nvfp4.hpp"
#include "nibble/recipes/quartet2.hpp"

namespace nibble_torch::recipes {

using namespace nibble::recipes;
using nibble::operand;

/// Every operand in 1x16 blocks to nearest: no square tiles, no rotation, no stochastic rounding.
struct nvfp4_nearest
    : nibble::recipe<operand<nvfp4_parts::activations>, operand<nvfp4_parts::activations>,
                     operand<nvfp4_parts::activations>, operand<nvfp4_parts::activations>,
                     operand<nvfp4_parts::activations>, operand<nvfp4_parts::activations>> {};

/// Stochastic rounding of the activations too, in both of their products.
struct nvfp4_sr_forward
    : nibble::recipe<operand<nvfp4_parts::gradients>, nvfp4::fprop_w, nvfp4::dgrad_dy,
                     nvfp4::dgrad_w, nvfp4::wgrad_dy, operand<nvfp4_parts::wgrad_gradients>> {};

/// Gradients rounded to nearest.
struct nvfp4_no_sr
    : nibble::recipe<nvfp4::fprop_x, nvfp4::fprop_w, operand<nvfp4_parts::activations>,
                     nvfp4::dgrad_w, operand<nvfp4_parts::wgrad_activations>, nvfp4::wgrad_x> {};

/// The operands of wgrad as they are, not rotated.
struct nvfp4_no_hadamard
    : nibble::recipe<nvfp4::fprop_x, nvfp4::fprop_w, nvfp4::dgrad_dy, nvfp4::dgrad_w,
                     operand<nvfp4_parts::gradients>, operand<nvfp4_parts::activations>> {};

}  // namespace nibble_torch::recipes
