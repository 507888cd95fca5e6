// SPDX-License-Identifier: Apache-2.0
// The pieces that a quantizer takes and gives: positions, groups of blocks, rows of numbers.
#pragma once

#include "nibble/detail/std.hpp"

namespace nibble {

/// Rows and columns of a piece of a matrix.
struct group_extents {
  int rows;
  int columns;
};

/// Refuses arrays that are no group of this many values; what is no array answers for itself.
template <class In, int Rows, int Columns>
NIBBLE_HD constexpr void check_group_array() noexcept {
  constexpr bool is_row = std::rank_v<In> == 1 && std::extent_v<In> == Columns;
  constexpr bool is_tile =
      std::rank_v<In> == 2 && std::extent_v<In> == Rows && std::extent_v<In, 1> == Columns;
  static_assert(!std::is_array_v<In> || is_row || is_tile,
                "got an array of another size than this quantizer's group");
}

/// Where a group lies in its matrix: what stochastic policies derive random numbers from.
///
/// units   elements. index: of the group's first element in the row-major order of the whole
///         logical matrix as quantized; pitch: from one row to the next, needed by groups of
///         several rows.
struct position {
  std::uint64_t index = 0;
  std::uint64_t pitch = 0;

  NIBBLE_HD constexpr position(std::uint64_t first = 0, std::uint64_t row_pitch = 0) noexcept
      : index(first), pitch(row_pitch) {}

  /// The index of the element in row r and column c of the group.
  [[nodiscard]] NIBBLE_HD constexpr std::uint64_t of(int r, int c) const noexcept {
    return index + static_cast<std::uint64_t>(r) * pitch + static_cast<std::uint64_t>(c);
  }
};

/// Where a matrix lies in a larger one that is quantized piece by piece: each piece then draws the
/// random numbers that it would draw as part of the whole.
///
/// units   rows and columns of the whole as quantized; columns 0: this matrix is the whole.
struct shard {
  std::int64_t row = 0;
  std::int64_t column = 0;
  std::int64_t columns = 0;
};

/// N numbers, as a function returns them.
template <class T, int N>
struct row {
  T values[std::size_t{N}];

  [[nodiscard]] NIBBLE_HD constexpr T const& operator[](int i) const noexcept { return values[i]; }
  [[nodiscard]] NIBBLE_HD constexpr T& operator[](int i) noexcept { return values[i]; }
  [[nodiscard]] NIBBLE_HD constexpr T const* begin() const noexcept { return values; }
  [[nodiscard]] NIBBLE_HD constexpr T const* end() const noexcept { return values + N; }
};

/// The blocks of one group: Rows rows of Columns blocks.
template <class Block, int Rows, int Columns>
struct block_group {
  Block blocks[std::size_t{Rows}][std::size_t{Columns}];
};

}  // namespace nibble
