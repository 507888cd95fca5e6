// SPDX-License-Identifier: Apache-2.0
// What some of the published methods add to a recipe, each alone on top of nvfp4, so that it can be told
// from the rest.
#pragma once

#include "nibble/gradient/differentiable.hpp"
#include "nibble/gradient/masked.hpp"
#include "nibble/recipes/mxfp8.hpp"
#include "nibble/recipes/nvfp4.hpp"

namespace train_lm::variants {

using nibble::precision_plan;
using nibble::recipes::nvfp4;

/// bf16 in all layers for the last 18 % of the steps: where NVIDIA's paper switches.
struct nvfp4_switch : nvfp4 {
  static constexpr precision_plan plan{.last_percent = 15, .switch_percent = 82};
};

/// The same, of the forward pass only.
struct nvfp4_switch_forward : nvfp4 {
  static constexpr precision_plan plan{
      .last_percent = 15, .switch_percent = 82, .switches_forward_only = true};
};

/// The hottest tenth of the channels in MXFP8: TetraJet-v2's OutControl.
struct nvfp4_mixed : nvfp4 {
  using channels = nibble::mixed_channels<nibble::recipes::mxfp8::fprop_x, 10>;
};

/// What the hottest tenth of the channels lost, multiplied once more: CHON's hot-channel patch.
struct nvfp4_augmented : nvfp4 {
  using channels = nibble::augmented_channels<nvfp4::fprop_x, 10>;
};

/// Gradients of the weights by the slope of a smooth quantizer: DGE.
struct nvfp4_differentiable : nvfp4 {
  using w_gradient = nibble::gradient::differentiable<>;
};

}  // namespace train_lm::variants
