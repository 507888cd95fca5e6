// SPDX-License-Identifier: Apache-2.0
// The atom on the host, lane by lane: what the emulation gives bit for bit, and the yardstick for
// the instruction.
#pragma once

#include "nibble/arch/arithmetic.hpp"
#include "nibble/block.hpp"
#include "nibble/mma/fragment.hpp"

namespace nibble::mma {

/// The blocks that the atom multiplies: e2m1 elements with an E4M3 scale for 16 or E8M0 for 32.
template <class Block>
inline constexpr bool is_atom_block =
    std::is_same_v<Block, nvfp4_block> || std::is_same_v<Block, mxfp4_block>;

namespace detail {

/// a + b rounded to odd, which hides nothing from a second rounding to 51 bits or fewer.
[[nodiscard]] constexpr double add_to_odd(double a, double b) noexcept {
  double const sum = a + b;
  double const of_b = sum - a;
  double const lost = (a - (sum - of_b)) + (b - of_b);
  auto bits = nibble::detail::bit_cast<std::uint64_t>(sum);
  if (lost != 0 && bits % 2 == 0) bits += (lost > 0) == (sum > 0) ? 1u : ~std::uint64_t{0};
  return nibble::detail::bit_cast<double>(bits);
}

/// c + term, rounded once to FP32.
[[nodiscard]] constexpr float add_once(float c, double term) noexcept {
  if (arch::constant::is_nan(c) || term != term) return arch::constant::nan();
  if (arch::constant::is_infinite(c)) return c;
  return arch::constant::narrow(add_to_odd(static_cast<double>(c), term));
}

}  // namespace detail

/// d += A B for the fragments of a whole warp.
///
/// shape   A: 16 x 64, B: 64 x 8, e2m1 codes, k along the words; byte i of a word of scales is
///         the scale of the i-th block along k.
/// rule    the products of a block are summed exactly, times both scales exactly, and added to d in
///         increasing k, each addition rounded once to FP32.
/// errors  a NaN scale makes NaN of what it reaches.
/// bits    identical everywhere; within 2^-22 (|d| + sum of |terms|) of the exact sum.
template <class Block, class Select = selector<>>
constexpr void model(sum_fragment (&d)[warp_size], a_fragment const (&a)[warp_size],
                     b_fragment const (&b)[warp_size]) noexcept {
  static_assert(is_atom_block<Block>, "got other blocks than nvfp4_block or mxfp4_block");
  static_assert(Select::template is_for<64 / Block::size>,
                "got a selector of bytes that the scales of this block do not begin at");
  using layout = fragments<4>;
  using scale = typename Block::scale_type;
  auto const twice = [](std::uint32_t word, int element) {
    return static_cast<int>(2 *
                            static_cast<float>(fp4_e2m1::from_bits(word >> (4 * element) & 15u)));
  };
  auto const scale_of = [](std::uint32_t word, int byte) {
    return static_cast<double>(static_cast<float>(scale::from_bits(word >> (8 * byte) & 255u)));
  };
  int left[layout::rows][layout::depth] = {}, right[layout::columns][layout::depth] = {};
  for (int k = 0; k < layout::depth; ++k) {
    for (int row = 0; row < layout::rows; ++row) {
      place const at = layout::place_of_a({row, k});
      left[row][k] = twice(a[at.lane].words[at.word], at.element);
    }
    for (int column = 0; column < layout::columns; ++column) {
      place const at = layout::place_of_b({column, k});
      right[column][k] = twice(b[at.lane].words[at.word], at.element);
    }
  }
  for (int row = 0; row < layout::rows; ++row) {
    for (int column = 0; column < layout::columns; ++column) {
      place const at = place_of_sum({row, column});
      float& sum = d[at.lane].values[at.word];
      std::uint32_t const scales_a = a[scale_lane_of_row(row, Select::lane_a)].scales;
      std::uint32_t const scales_b = b[scale_lane_of_column(column, Select::lane_b)].scales;
      for (int block = 0; block < layout::depth / Block::size; ++block) {
        int quarters = 0;
        for (int k = block * Block::size; k < (block + 1) * Block::size; ++k) {
          quarters += left[row][k] * right[column][k];
        }
        double const term = 0.25 * quarters * scale_of(scales_a, Select::byte_a + block) *
                            scale_of(scales_b, Select::byte_b + block);
        sum = detail::add_once(sum, term);
      }
    }
  }
}

}  // namespace nibble::mma
