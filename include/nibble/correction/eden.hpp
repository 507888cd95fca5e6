// SPDX-License-Identifier: Apache-2.0
// Rescales what was rounded so that it is right on average, and hides the factor in the block scales
// by rounding those stochastically: MS-EDEN.
#pragma once

#include "nibble/adaptive_block.hpp"
#include "nibble/correction/policy.hpp"
#include "nibble/format/encode.hpp"
#include "nibble/random/philox.hpp"

namespace nibble::correction {

/// Multiplies the scales of Columns consecutive elements by S = <x, x> / <x, q>, where q is what
/// they were rounded to.
///
/// shape   Columns: the length of the vectors x and q, a multiple of the block's; under a transform,
///         its size.
/// rule    With x' = x * S_enc and q' = code * scale, both sums in FP32, in order within a block,
///         the blocks' sums in order; S = 1 where <x', q'> is not positive or S is not finite. Each
///         scale becomes stochastic(scale * S), by Bits random bits: the ones that the scale's
///         number (position / Block::size) would get among consecutive elements, drawn from calls
///         2^63 and up, so that elements and scales share a source and no random number.
/// errors  Unbiased over random rotations of x (a random_hadamard of the same size with fresh signs
///         comes near to that; a fixed one does not); over the drawn scales up to 2^-Bits of a
///         scale's step. A scale that would pass the largest saturates, so leave room: bound 256. A
///         block whose scale rounded to 0 stays 0.
/// bits    identical everywhere.
/// source  EDEN, arXiv 2108.08842; MS-EDEN, Quartet II, arXiv 2601.22813. Its kernels take the sums
///         over values divided by their block's scale, which weighs the blocks of a vector
///         unequally; here they are the inner products of the papers.
template <int Columns = 128, int Bits = 16, random::source Source = random::philox4x32<>>
struct eden {
  static constexpr int columns = Columns;

  Source source{};

  template <std::size_t Rows, class Group, std::size_t Width>
  NIBBLE_HD constexpr void apply(float const (&values)[Rows][Width], tensor_scale::factors const& f,
                                 position where, Group& group) const noexcept {
    using Block = std::remove_cvref_t<decltype(group.blocks[0][0])>;
    constexpr int size = Block::size, blocks = Columns / size;
    static_assert(Columns % size == 0, "got an eden narrower than a block; need whole blocks");
    static_assert(!is_adaptive<Block>, "got a scale that carries a tag, which eden would lose");
    for (std::size_t r = 0; r < Rows; ++r) {
      for (int first = 0; first + blocks <= int{Width} / size; first += blocks) {
        float squares = 0, products = 0;
        for (int b = first; b < first + blocks; ++b) {
          float block_squares = 0, block_products = 0;
          Block const& block = group.blocks[r][b];
          auto const scale = static_cast<float>(block.scale);
          for (int i = 0; i < size; ++i) {
            float const x = arch::multiply(values[r][b * size + i], f.encode);
            float const q = arch::multiply(static_cast<float>(block.codes[i]), scale);
            block_squares = arch::add(block_squares, arch::multiply(x, x));
            block_products = arch::add(block_products, arch::multiply(x, q));
          }
          squares = arch::add(squares, block_squares);
          products = arch::add(products, block_products);
        }
        std::uint32_t random[std::size_t{blocks}]{};
        random::fill<Bits>(apart{source},
                           where.of(static_cast<int>(r), first * size) / std::uint64_t{size},
                           random);
        float const factor = ratio(squares, products);
        for (int b = 0; b < blocks; ++b) {
          auto& scale = group.blocks[r][first + b].scale;
          scale = rescaled(scale, factor, random[b]);
        }
      }
    }
  }

  /// <x, x> / <x, q>, or 1 where that says nothing.
  [[nodiscard]] NIBBLE_HD static constexpr float ratio(float squares, float products) noexcept {
    if (!arch::less(0.0f, products)) return 1.0f;
    float const factor = arch::divide(squares, products);
    return arch::less(factor, detail::largest_float) ? factor : 1.0f;
  }

  /// One scale times the factor, rounded stochastically (the low Bits bits of `random` count).
  template <class Scale>
  [[nodiscard]] NIBBLE_HD static constexpr Scale rescaled(Scale scale, float factor,
                                                          std::uint32_t random) noexcept {
    float const ideal = arch::multiply(static_cast<float>(scale), factor);
    return Scale::from_bits(format::encode<Scale::format, format::stochastic<Bits>>(ideal, random));
  }

 private:
  /// The same source, at calls that no element draws from.
  struct apart {
    Source source;
    NIBBLE_HD constexpr random::words operator()(std::uint64_t call) const noexcept {
      return source(call | std::uint64_t{1} << 63);
    }
  };
};

}  // namespace nibble::correction
