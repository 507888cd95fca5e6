// SPDX-License-Identifier: Apache-2.0
// What a scaling policy is, and the pieces that several of them share.
#pragma once

#include "nibble/arch/arithmetic.hpp"
#include "nibble/arch/lanes/vector.hpp"
#include "nibble/block.hpp"
#include "nibble/format/encode.hpp"
#include "nibble/numeric_limits.hpp"
#include "nibble/tensor_amax.hpp"
#include "nibble/tensor_scale/policy.hpp"

namespace nibble::scaling {

/// Which elements share a block scale.
enum class tile {
  row,     // one block: 1 x Block::size
  square,  // Block::size rows of one block each, so that the transpose is the same numbers
};

/// How many rows a tile of these blocks has.
template <class Block>
[[nodiscard]] NIBBLE_HD constexpr std::size_t rows(tile shape) noexcept {
  return shape == tile::square ? std::size_t{Block::size} : 1;
}

/// A block scale, and what to multiply values with before they are rounded (see divides).
template <class Scale>
struct chosen {
  Scale scale;
  float encode;
};

/// A rule that chooses the scale of a tile.
///
/// 1. S::shape is the tile; S::outer its tensor_scale policy (checked).
/// 2. s.choose<Block>(values, factors) returns the scale of a tile of rows<Block>(S::shape) rows of
///    Block::size values each (checked).
/// 3. It is total, and depends on nothing but its arguments; a tile of zeros gets a scale under
/// which
///    it decodes to zeros (tested: tests/support/scaling_laws.hpp).
/// It does not promise that no element saturates.
template <class S, class Block>
concept policy = requires(S const& s,
                          float const (&values)[rows<Block>(S::shape)][std::size_t{Block::size}],
                          tensor_scale::factors f) {
  { S::shape } -> std::convertible_to<tile>;
  requires tensor_scale::policy<typename S::outer>;
  { s.template choose<Block>(values, f) }
  noexcept->std::same_as<chosen<typename Block::scale_type>>;
};

/// A policy whose `encode` is a divisor: values are divided by it, as some libraries have it. The
/// quotient is not always the product with the reciprocal.
template <class S>
concept divides = requires {
  requires S::divides;
};

/// A policy that needs no more of a tile than its largest magnitude: threads can then share a tile.
template <class S, class Block>
concept needs_amax_only =
    policy<S, Block> && !divides<S> && requires(float amax, tensor_scale::factors f) {
  { S::template choose_for<Block>(amax, f) }
  noexcept->std::same_as<chosen<typename Block::scale_type>>;
};

/// How many tiles choose_each takes in one call.
inline constexpr std::size_t tiles_at_once = 16;

/// A policy that can choose the scales of several tiles at once, where that is faster:
/// s.choose_each<Block>(values, factors, scales) writes what s.choose<Block>({values[i]}, factors)
/// returns to scales[i] (tested: tests/support/scaling_laws.hpp). Tiles of one block only.
template <class S, class Block>
concept chooses_each = policy<S, Block> &&(S::shape == tile::row) &&
                       requires(S const& s,
                                float const (&values)[tiles_at_once][std::size_t{Block::size}],
                                tensor_scale::factors f,
                                chosen<typename Block::scale_type> (&scales)[tiles_at_once]) {
  { s.template choose_each<Block>(values, f, scales) }
  noexcept;
};

/// The bits of the largest magnitude of a row, NaN aside.
template <std::size_t Columns>
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t row_amax_bits(
    float const (&values)[Columns]) noexcept {
#if NIBBLE_HAS_LANES
  if constexpr (Columns % 16 == 0) {
    if (!detail::constant_evaluated()) return arch::lanes::amax_bits(values);
  }
#endif
#if NIBBLE_HAS_DEVICE
  if (!detail::constant_evaluated()) {
    float found = 0;
    for (float const value : values) found = arch::ptx::max_abs_f32(found, value);
    return detail::float_bits(found);
  }
#endif
  std::uint32_t largest = 0;
  for (float const value : values) {
    std::uint32_t const bits = amax_bits(value);
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

/// The largest magnitude of a tile, NaN aside.
template <std::size_t Rows, std::size_t Columns>
[[nodiscard]] NIBBLE_HD constexpr float tile_amax(float const (&values)[Rows][Columns]) noexcept {
  std::uint32_t largest = 0;
  for (auto const& row : values) {
    std::uint32_t const bits = row_amax_bits(row);
    largest = bits > largest ? bits : largest;
  }
  return detail::float_from_bits(largest);
}

/// What values are multiplied with under a block scale: 1 / (scale * S_dec), a true division, at
/// most the largest float (which a scale of 0 gets).
[[nodiscard]] NIBBLE_HD constexpr float encode_multiplier(float scale,
                                                          tensor_scale::factors const& f) noexcept {
  float const step = arch::multiply(scale, f.decode);
  return arch::minimum(arch::divide(1.0f, step), detail::largest_float);
}

#if NIBBLE_HAS_LANES
/// The same of several scales.
[[nodiscard]] inline arch::lanes::floats encode_multipliers(
    arch::lanes::floats scale, tensor_scale::factors const& f) noexcept {
  using arch::lanes::floats, arch::lanes::integers;
  floats const step = arch::lanes::multiply(scale, floats{} + f.decode);
  floats const ideal = arch::lanes::divide(floats{} + 1.0f, step);
  // Magnitudes order like their bits, infinity and NaN above the largest float.
  return (floats)arch::lanes::smaller((integers)ideal & arch::lanes::magnitude_mask,
                                      integers{} + 0x7F7F'FFFF);
}
#endif

}  // namespace nibble::scaling
