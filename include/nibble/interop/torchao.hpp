// SPDX-License-Identifier: Apache-2.0
// torchao's NVFP4 for inference (prototype/mx_formats): which quantizer gives its bytes.
#pragma once

#include "nibble/interop/outer_scale.hpp"
#include "nibble/quantizer.hpp"

namespace nibble::interop::torchao {

/// Its block scale: never below 2^-6, the smallest normal E4M3, so that small blocks lose their
/// values to zero or to a coarse grid. With amax b and multiplier g = amax of the tensor / 2688:
///
/// rule    scale = e4m3(clamp((b / 6) / g, 2^-6, 448)); values are multiplied by (1 / g) / scale.
/// errors  as scaling::amax: NaN elements do not count, where torchao's scale becomes NaN. The factor
///         is at most the largest float, where under an amax below 1e-35 torchao's is infinite and
///         makes NaN of zeros.
/// bits    for finite values those of nvfp4_quantize of torchao 0.18 in float32 and bfloat16.
/// source  torchao, prototype/mx_formats/nvfp4_tensor.py
template <bool FromAmax = true>
struct scale {
  static constexpr scaling::tile shape = scaling::tile::row;
  using outer = outer_multiplier<FromAmax>;

  template <class Block, std::size_t Rows>
  [[nodiscard]] NIBBLE_HD static constexpr scaling::chosen<typename Block::scale_type> choose(
      float const (&values)[Rows][std::size_t{Block::size}],
      tensor_scale::factors const& f) noexcept {
    static_assert(std::is_same_v<Block, nvfp4_block>, "got other blocks; torchao's are NVFP4");
    float ideal = arch::divide(arch::divide(scaling::tile_amax(values), 6.0f), f.decode);
    ideal = arch::less(ideal, 0x1p-6f) ? 0x1p-6f : arch::minimum(ideal, 448.0f);
    auto const rounded = fp8_e4m3(ideal);
    return {rounded, arch::minimum(arch::divide(f.encode, static_cast<float>(rounded)),
                                   detail::largest_float)};
  }
};

/// Quantizes as torchao does, from the amax of the tensor.
using weights = quantizer<nvfp4_block, scale<>>;
/// The same with torchao's per_tensor_scale in the amax slot: reads what torchao wrote.
using stored = quantizer<nvfp4_block, scale<false>>;

/// What torchao stores as per_tensor_scale.
[[nodiscard]] NIBBLE_HD constexpr multiplier per_tensor_scale(tensor_amax amax) noexcept {
  return multiplier_of(amax);
}
/// What stands in the amax slot of a view that `stored` reads.
[[nodiscard]] NIBBLE_HD constexpr tensor_amax slot(multiplier read) noexcept {
  return {read.value};
}

}  // namespace nibble::interop::torchao
