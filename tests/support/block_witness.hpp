// SPDX-License-Identifier: Apache-2.0
// Between the library's NVFP4 blocks and the oracle's: the same bits in two shapes.
#pragma once

#include <bit>
#include <cstdint>

#include <nibble/group.hpp>
#include <nibble/nibble.hpp>

#include "oracle/nvfp4.hpp"

namespace witness {

/// Rows of binary32 patterns, as a quantizer reads them: in(row, column).
struct patterns {
  oracle::sixteen const* rows;

  constexpr float operator()(int row, int column) const noexcept {
    return std::bit_cast<float>(rows[row][static_cast<std::size_t>(column)]);
  }
};

inline patterns read(oracle::sixteen const& values) { return {&values}; }
inline patterns read(oracle::tile_values const& values) { return {values.data()}; }

inline nibble::tensor_amax amax(std::uint32_t bits) { return {std::bit_cast<float>(bits)}; }

/// The bytes of a block, code by code.
inline oracle::block plain(nibble::nvfp4_block const& made) {
  oracle::block result{made.scale.bits(), {}};
  for (int i = 0; i < 16; ++i) {
    std::uint8_t const byte = made.codes.bytes()[i / 2];
    result.codes[static_cast<std::size_t>(i)] = i % 2 == 0 ? byte & 15 : byte >> 4;
  }
  return result;
}

/// The numbers of a row as patterns.
inline oracle::sixteen bits_of(nibble::row<float, 16> const& numbers) {
  oracle::sixteen result{};
  for (int i = 0; i < 16; ++i) {
    result[static_cast<std::size_t>(i)] = std::bit_cast<std::uint32_t>(numbers[i]);
  }
  return result;
}

/// Equal patterns; any NaN equals any NaN.
inline bool same(oracle::sixteen const& a, oracle::sixteen const& b) {
  for (std::size_t i = 0; i != 16; ++i) {
    if (!oracle::same(a[i], b[i])) {
      return false;
    }
  }
  return true;
}

/// Sixteen rows of one block each equal the rows of a tile.
inline bool same(nibble::block_group<nibble::nvfp4_block, 16, 1> const& made,
                 std::uint8_t scale, std::array<std::array<std::uint8_t, 16>, 16> const& codes) {
  for (std::size_t row = 0; row != 16; ++row) {
    if (plain(made.blocks[row][0]) != oracle::block{scale, codes[row]}) {
      return false;
    }
  }
  return true;
}

}  // namespace witness
