// SPDX-License-Identifier: Apache-2.0
// compressed-tensors' NVFP4 ("nvfp4-pack-quantized", as llm-compressor writes it and vLLM reads it):
// which quantizer gives its bytes.
#pragma once

#include "nibble/interop/outer_scale.hpp"
#include "nibble/interop/unsigned_zero.hpp"
#include "nibble/quantizer.hpp"

namespace nibble::interop::compressed_tensors {

/// Its block scale: 1/8 where it rounds to 0. With amax b and divisor S = 2688 / amax of the tensor:
///
/// rule    scale = e4m3(min(S * (b / 6), 448)) or 1/8; values are divided by scale / S. Weight is
///         the type of the weights, to which that library rounds b / 6 and S.
/// errors  as scaling::amax: NaN elements do not count, where that library's scale becomes NaN.
/// bits    for finite values those of calculate_qparams and compress of compressed-tensors 0.20.
/// source  compressed-tensors, quantization/utils/helpers.py
template <class Weight = float, bool FromAmax = true>
struct scale {
  static constexpr scaling::tile shape = scaling::tile::row;
  static constexpr bool divides = true;
  using outer = outer_divisor<Weight, FromAmax>;

  template <class Block, std::size_t Rows>
  [[nodiscard]] NIBBLE_HD static constexpr scaling::chosen<typename Block::scale_type> choose(
      float const (&values)[Rows][std::size_t{Block::size}],
      tensor_scale::factors const& f) noexcept {
    static_assert(std::is_same_v<Block, nvfp4_block>, "got other blocks; these are NVFP4");
    auto const sixth = static_cast<float>(Weight(arch::divide(scaling::tile_amax(values), 6.0f)));
    auto rounded = fp8_e4m3(arch::minimum(arch::multiply(f.encode, sixth), 448.0f));
    if (rounded.bits() == 0) rounded = fp8_e4m3(0.125f);
    return {rounded, arch::divide(static_cast<float>(rounded), f.encode)};
  }
};

/// Quantizes as compressed-tensors does, from the amax of the tensor: LAYER.weight_packed and
/// LAYER.weight_scale. Weight: float, bf16 or fp16, the type of the tensor.
template <class Weight = float>
using weights = quantizer<nvfp4_block, scale<Weight>, unsigned_zero>;
/// The same with its weight_global_scale in the amax slot: reads what compressed-tensors wrote.
using stored = quantizer<nvfp4_block, scale<float, false>, unsigned_zero>;

/// What compressed-tensors stores as LAYER.weight_global_scale: a divisor, the reciprocal of
/// ModelOpt's. LAYER.input_global_scale is as much of the inputs' amax.
template <class Weight = float>
[[nodiscard]] NIBBLE_HD constexpr divisor weight_global_scale(tensor_amax amax) noexcept {
  return divisor_of<Weight>(amax);
}
/// What stands in the amax slot of a view that `stored` reads.
[[nodiscard]] NIBBLE_HD constexpr tensor_amax slot(divisor read) noexcept { return {read.value}; }

}  // namespace nibble::interop::compressed_tensors
