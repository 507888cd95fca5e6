// SPDX-License-Identifier: Apache-2.0
// What every scaling policy promises, as functions that a test of a policy calls: the number of
// violations, which must be 0. Each says the range of amax in which its law holds.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include <nibble/nibble.hpp>

#include "oracle/blocks.hpp"

namespace laws {

template <class Block>
using block_values = std::array<float, std::size_t{Block::size}>;

/// Rows of the size a policy wants, all read from one generated pool of sixteen numbers.
template <class Scaling, class Block>
struct tile_of {
  static constexpr std::size_t rows = nibble::scaling::rows<Block>(Scaling::shape);
  float values[rows][std::size_t{Block::size}];

  explicit tile_of(oracle::sixteen const& pool) {
    for (std::size_t r = 0; r != rows; ++r) {
      for (std::size_t c = 0; c != std::size_t{Block::size}; ++c) {
        values[r][c] = std::bit_cast<float>(pool[(r + c) % 16]);
      }
    }
  }
  nibble::scaling::chosen<typename Block::scale_type> choose(float amax) const {
    auto const factors = typename Scaling::outer{}.template from<typename Block::element_type>({amax});
    return Scaling::template choose<Block>(values, factors);
  }
};

template <class Scale>
std::uint32_t scale_bits(Scale scale) {
  return std::bit_cast<std::uint32_t>(static_cast<float>(scale));
}

template <class Scale>
bool equal(nibble::scaling::chosen<Scale> const& a, nibble::scaling::chosen<Scale> const& b) {
  return oracle::same(scale_bits(a.scale), scale_bits(b.scale)) &&
         oracle::same(scale_bits(a.encode), scale_bits(b.encode));
}

/// For any amax: a tile of zeros of either sign gets a scale under which codes are and decode to 0.
template <class Scaling, class Block>
int zeros_stay_zeros() {
  int wrong = 0;
  oracle::sixteen pool{};
  for (std::size_t i = 0; i < 16; i += 3) {
    pool[i] = oracle::sign_mask;
  }
  using quantizer = nibble::quantizer<Block, Scaling>;
  for (std::uint32_t const amax : {0x00000000U, 0x00000001U, 0x00800000U, 0x3F800000U, 0x40C00000U,
                                   0x7B124924U}) {
    float const value = std::bit_cast<float>(amax);
    tile_of<Scaling, Block> const tile(pool);
    auto const blocks = quantizer{}([&](int r, int c) { return tile.values[r][c]; },
                                    nibble::tensor_amax{value});
    Block block{};
    if constexpr (quantizer::is_one_block) {
      block = blocks;
    } else {
      block = blocks.blocks[0][0];
    }
    auto const numbers = quantizer::decode(block, quantizer::prepare({value}));
    bool const is_zero = std::all_of(numbers.begin(), numbers.end(), [](float x) { return x == 0; });
    bool const scale_is_number = static_cast<float>(block.scale) == static_cast<float>(block.scale);
    wrong += is_zero && scale_is_number ? 0 : 1;
  }
  return wrong;
}

/// For any data and amax: a scale that is no NaN and a multiplier that is no NaN, the same for
/// negated data.
template <class Scaling, class Block>
int total_and_symmetric(std::uint64_t count) {
  int wrong = 0;
  oracle::block_generator const generate(41);
  for (std::uint64_t i = 0; i != count; ++i) {
    oracle::test_block in = generate(i);
    float const amax = std::bit_cast<float>(in.amax);
    auto const chosen = tile_of<Scaling, Block>(in.values).choose(amax);
    for (std::uint32_t& value : in.values) {
      value ^= oracle::sign_mask;
    }
    auto const mirrored = tile_of<Scaling, Block>(in.values).choose(amax);
    bool const is_number = !oracle::is_nan(scale_bits(chosen.scale)) && chosen.encode == chosen.encode;
    wrong += is_number && equal(chosen, mirrored) ? 0 : 1;
  }
  return wrong;
}

/// For amaxes of 2^-40 to 2^40 and powers of 2^-20 to 2^20, on data without subnormals: multiplying
/// data and amax by a power of two leaves the scale and divides the multiplier by it. A policy
/// without a tensor scale multiplies the scale instead.
template <class Scaling, class Block>
int scales_with_powers_of_two(std::uint64_t count) {
  int wrong = 0;
  oracle::block_generator const generate(42);
  oracle::bit_source random(42);
  constexpr bool has_tensor_scale = Scaling::outer::bound > 0;
  for (std::uint64_t i = 0; i != count; ++i) {
    oracle::test_block const in = generate(i, oracle::block_class::double_tie);
    auto const field = in.amax >> 23;
    if (field < 127 - 40 || field > 127 + 40) {
      continue;
    }
    int const power = static_cast<int>(random.below(41)) - 20;
    float const factor =
        std::bit_cast<float>(static_cast<std::uint32_t>(127 + power) << 23);
    tile_of<Scaling, Block> tile(in.values);
    float const amax = std::bit_cast<float>(in.amax);
    auto const chosen = tile.choose(amax);
    for (auto& row : tile.values) {
      for (float& value : row) {
        value *= factor;
      }
    }
    auto const scaled = tile.choose(amax * factor);
    float const expected = static_cast<float>(chosen.scale) * (has_tensor_scale ? 1.0f : factor);
    // A multiplier that reached the largest float has nowhere to go.
    bool const clamped = chosen.encode == nibble::detail::largest_float ||
                         scaled.encode == nibble::detail::largest_float;
    bool const equal = static_cast<float>(scaled.scale) == expected &&
                       (clamped || scaled.encode == chosen.encode / factor);
    wrong += equal ? 0 : 1;
  }
  return wrong;
}

/// For any data and amax: several tiles at once get the scales that each gets alone, wherever it
/// stands among the others.
template <class Scaling, class Block>
int chooses_each_alike(std::uint64_t count) {
  using scale = nibble::scaling::chosen<typename Block::scale_type>;
  constexpr std::uint64_t many = nibble::scaling::tiles_at_once;
  int wrong = 0;
  oracle::block_generator const generate(43);
  for (std::uint64_t i = 0; i != count / many; ++i) {
    // The tile whose amax this is, and what another amax makes of its neighbours.
    std::uint32_t const amax = generate(i).amax;
    float tiles[many][std::size_t{Block::size}];
    for (std::uint64_t t = 0; t != many; ++t) {
      tile_of<Scaling, Block> const tile(generate(i + (t + 16 - i % 16) % 16).values);
      std::copy_n(tile.values[0], Block::size, tiles[t]);
    }
    auto const factors = typename Scaling::outer{}.template from<typename Block::element_type>(
        {std::bit_cast<float>(amax)});
    scale together[many]{};
    Scaling{}.template choose_each<Block>(tiles, factors, together);
    for (std::uint64_t t = 0; t != many; ++t) {
      float alone[1][std::size_t{Block::size}];
      std::copy_n(tiles[t], Block::size, alone[0]);
      wrong += equal(together[t], Scaling{}.template choose<Block>(alone, factors)) ? 0 : 1;
    }
  }
  return wrong;
}

/// All of them, with the number of blocks tried.
template <class Scaling, class Block>
void hold(std::uint64_t count) {
  static_assert(nibble::scaling::policy<Scaling, Block>);
  CHECK(zeros_stay_zeros<Scaling, Block>() == 0);
  CHECK(total_and_symmetric<Scaling, Block>(count) == 0);
  CHECK(scales_with_powers_of_two<Scaling, Block>(count) == 0);
  if constexpr (nibble::scaling::chooses_each<Scaling, Block>) {
    CHECK(chooses_each_alike<Scaling, Block>(count) == 0);
  }
}

}  // namespace laws
