// SPDX-License-Identifier: Apache-2.0
// The scale that maps the largest magnitude of a tile to the largest element: NVFP4's own.
#pragma once

#include "nibble/arch/lanes/e4m3.hpp"
#include "nibble/scaling/policy.hpp"
#include "nibble/tensor_scale/current.hpp"

namespace nibble::scaling {

/// Scales a tile by its largest magnitude.
///
/// shape   Shape: one block, or a square of blocks that share the scale.
/// units   the largest magnitude is mapped to max(Element) * FillNumerator / FillDenominator: 16/17
///         leaves headroom for the rounding of the scale, so that nothing saturates; more than 1
///         clips.
/// rule    with b the tile's amax and M = S_enc * fl(1 / target): scale = round(min(b * M, largest
///         float)) in the scale's format, values are multiplied by 1 / (scale * S_dec). An FP32
///         scale is 1 / min(target / b, largest float), 1 for b = 0, and is not rounded.
/// errors  a scale that rounds to 0 encodes with the largest float and decodes to 0; NaN elements
///         do not count; infinity gives the largest scale.
/// bits    identical everywhere; for NVFP4 the bytes of TransformerEngine, finite data.
/// source  NVIDIA, arXiv 2509.25149, appendix B; TransformerEngine for the order of the operations.
template <tile Shape = tile::row, class Outer = tensor_scale::current<>,
          class ScaleRule = format::nearest_even, int FillNumerator = 1, int FillDenominator = 1>
struct amax {
  static_assert(FillNumerator > 0 && FillDenominator > 0,
                "got a fill of 0 or less; need a fraction");
  static constexpr tile shape = Shape;
  using outer = Outer;

  template <class Element>
  static constexpr float target = static_cast<float>(limits<Element>::max()) *
                                  static_cast<float>(FillNumerator) /
                                  static_cast<float>(FillDenominator);

  template <class Block, std::size_t Rows>
  [[nodiscard]] NIBBLE_HD static constexpr chosen<typename Block::scale_type> choose(
      float const (&values)[Rows][std::size_t{Block::size}],
      tensor_scale::factors const& f) noexcept {
    return choose_for<Block>(tile_amax(values), f);
  }

  /// The scale of a tile whose largest magnitude is known.
  template <class Block>
  [[nodiscard]] NIBBLE_HD static constexpr chosen<typename Block::scale_type> choose_for(
      float block_amax, tensor_scale::factors const& f) noexcept {
    using Scale = typename Block::scale_type;
    constexpr float full = target<typename Block::element_type>;
    if constexpr (std::is_same_v<Scale, float>) {
      float encode = arch::minimum(arch::divide(full, block_amax), detail::largest_float);
      if (arch::equal(block_amax, 0) || arch::equal(encode, 0)) encode = 1;
      return {arch::divide(1.0f, encode), encode};
    } else {
      constexpr float reciprocal = arch::divide(1.0f, full);
      float const multiplier = arch::multiply(f.encode, reciprocal);
      float const ideal =
          arch::at_most(arch::multiply(block_amax, multiplier), detail::largest_float);
      auto const scale = [&] {
        if constexpr (std::is_same_v<ScaleRule, format::nearest_even> && Scale::format.has_zero) {
          return Scale(ideal);  // the number type's own conversion, which hardware may do
        } else {
          return Scale::from_bits(format::encode<Scale::format, ScaleRule>(ideal));
        }
      }();
      return {scale, encode_multiplier(static_cast<float>(scale), f)};
    }
  }

#if NIBBLE_HAS_LANES
  /// Chooses for several tiles, a tile a lane; see scaling::chooses_each.
  template <class Block, std::size_t Tiles>
  static void choose_each(float const (&values)[Tiles][std::size_t{Block::size}],
                          tensor_scale::factors const& f,
                          chosen<typename Block::scale_type> (&scales)[Tiles]) noexcept
      requires(Shape == tile::row && std::is_same_v<typename Block::scale_type, fp8_e4m3> &&
               std::is_same_v<ScaleRule, format::nearest_even> &&
               Tiles % std::size_t{arch::lanes::count} == 0) {
    namespace lanes = arch::lanes;
    constexpr float reciprocal = arch::divide(1.0f, target<typename Block::element_type>);
    float const multiplier = arch::multiply(f.encode, reciprocal);
    std::uint32_t amaxes[Tiles];
    for (std::size_t t = 0; t < Tiles; ++t) amaxes[t] = row_amax_bits(values[t]);
    for (std::size_t first = 0; first < Tiles; first += std::size_t{lanes::count}) {
      auto const largest = lanes::load<lanes::floats>(amaxes + first);
      auto const [codes, steps] =
          lanes::round_to_e4m3(lanes::multiply(largest, lanes::floats{} + multiplier));
      auto const encodes = encode_multipliers(steps, f);
      for (std::size_t lane = 0; lane < std::size_t{lanes::count}; ++lane) {
        scales[first + lane] = {fp8_e4m3::from_bits(static_cast<std::uint8_t>(codes[lane])),
                                encodes[lane]};
      }
    }
  }
#endif
};

}  // namespace nibble::scaling
