// SPDX-License-Identifier: Apache-2.0
// E2M1 with the code of its second zero put to use.
#pragma once

#include "nibble/recipes/nvfp4.hpp"

namespace nibble::recipes {

namespace razer_parts {
using activations = quantizer<razer_block, scaling::adaptive<>>;
using weights =
    quantizer<razer_block, scaling::adaptive<scaling::squared_error, scaling::tile::square>>;
}  // namespace razer_parts

/// As nvfp4, with x and W of fprop, and so W of dgrad, in razer_block: -0 stands for 5 or -5.
///
/// source  RaZeR, arXiv 2501.04052, a format for inference. Taken: the remapped zero and its choice by
///         squared error. Left out: the second pair of special values of its weights, +-8, which
///         needs an E3M3 scale; its gradients, since it has none.
struct razer : recipe<operand<razer_parts::activations>, operand<razer_parts::weights>,
                      nvfp4::dgrad_dy, operand<razer_parts::weights, operand_source::forward>,
                      nvfp4::wgrad_dy, nvfp4::wgrad_x> {
  static constexpr char const* name = "razer";
  static constexpr precision_plan plan = nvfp4::plan;
};

}  // namespace nibble::recipes
