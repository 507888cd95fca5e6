// SPDX-License-Identifier: Apache-2.0
// NVIDIA's recipe with layers kept out of four bits by what they are for.
#pragma once

#include "nibble/recipes/mxfp8.hpp"
#include "nibble/recipes/nvfp4.hpp"

namespace nibble::recipes {

/// nvfp4 with the projections of attention in bf16 and Mamba's output projection in MXFP8, beside the
/// last 15 % in bf16.
///
/// source  Nemotron 3 Super, arXiv 2604.12374, section 2.2. Taken: the roles. Left out: what its model
///         has and a plain one has not (latent projections, multi-token prediction), and the switch
///         to MXFP8 at 19 of 25 T tokens, which gained nothing downstream.
struct nemotron3 : nvfp4 {
  static constexpr char const* name = "nemotron3";
  using second = mxfp8;
  static constexpr precision_plan plan{
      .last_percent = 15,
      .roles = roles_of(layer_role::attention_qkv, layer_role::attention_out),
      .second_roles = roles_of(layer_role::mamba_out)};
};

}  // namespace nibble::recipes
