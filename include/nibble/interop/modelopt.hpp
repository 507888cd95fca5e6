// SPDX-License-Identifier: Apache-2.0
// NVIDIA ModelOpt's NVFP4 checkpoints (NVFP4QTensor): which quantizer gives their bytes.
#pragma once

#include "nibble/interop/outer_scale.hpp"
#include "nibble/interop/unsigned_zero.hpp"
#include "nibble/quantizer.hpp"

namespace nibble::interop::modelopt {

/// Its block scale: 1 where the quotient is 0, else never below 2^-9, the smallest E4M3. With amax b
/// and multiplier g = amax of the tensor / 2688:
///
/// rule    scale = e4m3(clamp(b / (6 g), 2^-9, 448)); values are divided by scale * g.
/// errors  as scaling::amax: NaN elements do not count, where ModelOpt's scale becomes NaN.
/// bits    for finite values those of NVFP4QTensor.quantize of ModelOpt 0.47. Its Triton kernels for
///         fake quantization have rules of their own (a scale under 1e-5 counts as 1 on Hopper).
/// source  ModelOpt, torch/quantization/qtensor/nvfp4_tensor.py
template <bool FromAmax = true>
struct scale {
  static constexpr scaling::tile shape = scaling::tile::row;
  static constexpr bool divides = true;
  using outer = outer_multiplier<FromAmax>;

  template <class Block, std::size_t Rows>
  [[nodiscard]] NIBBLE_HD static constexpr scaling::chosen<typename Block::scale_type> choose(
      float const (&values)[Rows][std::size_t{Block::size}],
      tensor_scale::factors const& f) noexcept {
    static_assert(std::is_same_v<Block, nvfp4_block>, "got other blocks; ModelOpt's are NVFP4");
    float ideal = arch::divide(scaling::tile_amax(values), arch::multiply(6.0f, f.decode));
    if (arch::equal(ideal, 0)) ideal = 1;
    ideal = arch::less(ideal, 0x1p-9f) ? 0x1p-9f : arch::minimum(ideal, 448.0f);
    auto const rounded = fp8_e4m3(ideal);
    return {rounded, arch::multiply(static_cast<float>(rounded), f.decode)};
  }
};

/// Quantizes as ModelOpt does, from the amax of the tensor: LAYER.weight and LAYER.weight_scale.
using weights = quantizer<nvfp4_block, scale<>, unsigned_zero>;
/// The same with ModelOpt's weight_scale_2 in the amax slot: reads what ModelOpt wrote.
using stored = quantizer<nvfp4_block, scale<false>, unsigned_zero>;

/// What ModelOpt stores as LAYER.weight_scale_2: a multiplier. LAYER.input_scale is as much of the
/// inputs' amax.
[[nodiscard]] NIBBLE_HD constexpr multiplier weight_scale_2(tensor_amax amax) noexcept {
  return multiplier_of(amax);
}
/// What stands in the amax slot of a view that `stored` reads.
[[nodiscard]] NIBBLE_HD constexpr tensor_amax slot(multiplier read) noexcept {
  return {read.value};
}

}  // namespace nibble::interop::modelopt
