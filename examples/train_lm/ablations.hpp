// SPDX-License-Identifier: Apache-2.0
// NVIDIA's recipe with one of its parts taken away or put in the wrong place: each a composition of
// the library's policies.
#pragma once

#include "nibble/recipes/mxfp4.hpp"
#include "nibble/recipes/nvfp4.hpp"
#include "nibble/tensor_scale/none.hpp"

namespace train_lm::ablations {

using nibble::operand;
using nibble::precision_plan;
using nibble::recipes::nvfp4;
namespace nvfp4_parts = nibble::recipes::nvfp4_parts;
namespace mxfp4_parts = nibble::recipes::mxfp4_parts;

/// Gradients rounded to nearest.
struct nvfp4_no_sr
    : nibble::recipe<nvfp4::fprop_x, nvfp4::fprop_w, operand<nvfp4_parts::activations>,
                     nvfp4::dgrad_w, operand<nvfp4_parts::wgrad_activations>, nvfp4::wgrad_x> {
  static constexpr precision_plan plan = nvfp4::plan;
};

/// The operands of wgrad as they are, not rotated.
struct nvfp4_no_hadamard
    : nibble::recipe<nvfp4::fprop_x, nvfp4::fprop_w, nvfp4::dgrad_dy, nvfp4::dgrad_w,
                     operand<nvfp4_parts::gradients>, operand<nvfp4_parts::activations>> {
  static constexpr precision_plan plan = nvfp4::plan;
};

/// Weights in 1x16 blocks: finer, but fprop and dgrad no longer see the same numbers.
struct nvfp4_1d_weights
    : nibble::recipe<nvfp4::fprop_x, operand<nvfp4_parts::activations>, nvfp4::dgrad_dy,
                     operand<nvfp4_parts::activations>, nvfp4::wgrad_dy, nvfp4::wgrad_x> {
  static constexpr precision_plan plan = nvfp4::plan;
};

/// Every layer in four bits.
struct nvfp4_no_bf16_layers : nvfp4 {
  static constexpr precision_plan plan{};
};

/// Stochastic rounding where it does not belong: on the activations too.
struct nvfp4_sr_activations
    : nibble::recipe<operand<nvfp4_parts::gradients>, nvfp4::fprop_w, nvfp4::dgrad_dy,
                     nvfp4::dgrad_w, nvfp4::wgrad_dy, operand<nvfp4_parts::wgrad_gradients>> {
  static constexpr precision_plan plan = nvfp4::plan;
};

namespace no_tensor_scale {
using scale = nibble::scaling::amax<nibble::scaling::tile::row, nibble::tensor_scale::none>;
using rounding = nibble::rounding::stochastic<>;
using gradients = nibble::quantizer<nibble::nvfp4_block, scale, rounding>;
using wgrad_gradients =
    nibble::quantizer<nibble::nvfp4_block, scale, rounding, nvfp4_parts::rotation>;
}  // namespace no_tensor_scale

/// Gradients under their E4M3 block scales alone, whose smallest is 2^-9: most gradients are below.
struct nvfp4_no_tensor_scale
    : nibble::recipe<nvfp4::fprop_x, nvfp4::fprop_w, operand<no_tensor_scale::gradients>,
                     nvfp4::dgrad_w, operand<no_tensor_scale::wgrad_gradients>, nvfp4::wgrad_x> {
  static constexpr precision_plan plan = nvfp4::plan;
};

/// MXFP4 and nothing else: nearest rounding everywhere, no rotation.
struct mxfp4_nearest
    : nibble::recipe<operand<mxfp4_parts::activations>, operand<mxfp4_parts::activations>,
                     operand<mxfp4_parts::activations>, operand<mxfp4_parts::activations>,
                     operand<mxfp4_parts::activations>, operand<mxfp4_parts::activations>> {
  static constexpr precision_plan plan = nibble::recipes::mxfp4::plan;
};

}  // namespace train_lm::ablations
