// SPDX-License-Identifier: Apache-2.0
// Scales that are powers of two: the OCP MX formats.
#pragma once

#include "nibble/e8m0.hpp"
#include "nibble/scaling/policy.hpp"
#include "nibble/tensor_scale/none.hpp"

namespace nibble::scaling {

/// Which power of two.
enum class exponent_rule {
  floor,     // 2^(floor(log2 amax) - floor(log2 max)): OCP MX; elements may saturate
  round_up,  // the smallest power of two under which nothing saturates
};

/// Scales a tile by a power of two.
///
/// rule    see exponent_rule; found from the bits of the amax, without a logarithm. Outer none, or
///         fixed: floor under fixed<3, 4> saturates nothing either.
/// errors  the exponent saturates at -127 and 127; a tile of zeros gets 2^-127; NaN elements do not
///         count; infinity counts as 2^128.
/// bits    identical everywhere.
/// source  OCP MX 1.0, section 6.3 (floor); NVIDIA, arXiv 2509.25149 (round_up).
template <exponent_rule Rule = exponent_rule::floor, tile Shape = tile::row,
          class Outer = tensor_scale::none>
struct power_of_two {
  static constexpr tile shape = Shape;
  using outer = Outer;

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
    static_assert(std::is_same_v<typename Block::scale_type, e8m0>,
                  "got a block whose scale is not e8m0; power_of_two needs one, use scaling::amax");
    constexpr auto largest =
        format::dissect(static_cast<float>(limits<typename Block::element_type>::max()));
    auto const amax = format::dissect(block_amax);
    int exponent = -127;
    if (amax.significand != 0) {
      exponent = amax.exponent - largest.exponent;
      if (Rule == exponent_rule::round_up && amax.significand > largest.significand) ++exponent;
    }
    exponent = exponent < -127 ? -127 : exponent > 127 ? 127 : exponent;
    auto const scale = e8m0::from_bits(exponent + 127);
    // 2^127 is the reciprocal of 2^-127, and the other way round: both are floats.
    auto const encode = static_cast<float>(e8m0::from_bits(127 - exponent));
    if constexpr (std::is_same_v<Outer, tensor_scale::none>) {
      return {scale, encode};
    } else {
      return {scale, arch::multiply(encode, f.encode)};
    }
  }
};

}  // namespace nibble::scaling
