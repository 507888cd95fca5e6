// SPDX-License-Identifier: Apache-2.0
// The FP8 baseline that NVIDIA's NVFP4 paper compares with.
#pragma once

#include "nibble/recipe.hpp"
#include "nibble/tensor_scale/none.hpp"

namespace nibble::recipes {

namespace fp8_parts {
using rows = quantizer<fp8_block, scaling::amax<scaling::tile::row, tensor_scale::none>>;
using tiles = quantizer<fp8_block, scaling::amax<scaling::tile::square, tensor_scale::none>>;
}  // namespace fp8_parts

/// E4M3 with FP32 scales: 128x128 tiles of weights, 1x128 blocks of activations and gradients,
/// nearest rounding; the first block and the last two in bf16 (of a short model: a share that
/// rounds to none).
///
/// source  NVIDIA, arXiv 2509.25149, appendix A.
struct fp8 : recipe<operand<fp8_parts::rows>, operand<fp8_parts::tiles>, operand<fp8_parts::rows>,
                    operand<fp8_parts::tiles, operand_source::forward>, operand<fp8_parts::rows>,
                    operand<fp8_parts::rows>> {
  static constexpr char const* name = "fp8";
  static constexpr precision_plan plan{};
};

}  // namespace nibble::recipes
