// SPDX-License-Identifier: Apache-2.0
// Square tiles for every operand, so that no tensor is quantized twice.
#pragma once

#include "nibble/recipes/mxfp8.hpp"
#include "nibble/recipes/nvfp4.hpp"

namespace nibble::recipes {

namespace stable_fp4_parts {
using gradients =
    quantizer<nvfp4_block, scaling::amax<scaling::tile::square>, rounding::stochastic<>>;
}  // namespace stable_fp4_parts

/// x, W and dy in 16x16 tiles; the second product of each tensor takes the codes of the first,
/// transposed. The projections of queries, keys and values in MXFP8.
///
/// source  StableFP4, arXiv 2607.24953. Taken: tiles everywhere, the projections in MXFP8. Stochastic
///         gradients are NVIDIA's (arXiv 2509.25149); values share a projection with queries and keys.
struct stable_fp4 : recipe<operand<nvfp4_parts::weights>, operand<nvfp4_parts::weights>,
                           operand<stable_fp4_parts::gradients>,
                           operand<nvfp4_parts::weights, operand_source::forward>,
                           operand<stable_fp4_parts::gradients, operand_source::forward>,
                           operand<nvfp4_parts::weights, operand_source::forward>> {
  static constexpr char const* name = "stable_fp4";
  using second = mxfp8;
  static constexpr precision_plan plan{.second_roles = roles_of(layer_role::attention_qkv)};
};

}  // namespace nibble::recipes
