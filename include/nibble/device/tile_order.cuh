// SPDX-License-Identifier: Apache-2.0
// The order in which a kernel takes the tiles of a matrix.
#pragma once

#include "nibble/device/tile128.cuh"

namespace nibble::device::detail {

/// Division by a number that stays the same, as a product and a shift.
///
/// rule    with s the bits that the divisor minus 1 takes and m = floor(2^32 (2^s - divisor) / divisor) + 1,
///         a quotient is (m n / 2^32 + n) / 2^s; m and the sum fit 32 bits.
/// errors  divisor and dividends from 1, or 0, to 2^31 - 1.
/// source  Granlund and Montgomery, Division by invariant integers using multiplication (1994).
struct steady_divisor {
  std::uint32_t value, factor, shift;

  explicit steady_divisor(std::uint32_t divisor) noexcept
      : value(divisor), shift(static_cast<std::uint32_t>(nibble::detail::bit_width(divisor - 1))) {
    factor = static_cast<std::uint32_t>(
        ((std::uint64_t{1} << shift) - divisor) * (std::uint64_t{1} << 32) / divisor + 1);
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t divide(std::uint32_t dividend) const {
    return (__umulhi(factor, dividend) + dividend) >> shift;
  }
};

/// The order in which tiles, or strips of `wide` tiles side by side, are taken: `tall` below each other first, so that
/// what they write side by side meets in the cache. In 32 bits, which the launcher makes sure of; made before the launch.
///
/// shape   tall: a power of two.
struct tile_order {
  std::uint32_t together, together_bits;
  int width;  // of a strip, in columns
  std::uint32_t across, down, count;
  int last_rows, last_columns;
  steady_divisor band_size;

  tile_order(matrix_index rows, matrix_index columns, int wide = 1, unsigned tall = 8) noexcept
      : together(tall),
        together_bits(static_cast<std::uint32_t>(nibble::detail::bit_width(tall - 1))),
        width(wide * tile_edge),
        across(static_cast<std::uint32_t>((columns + width - 1) / width)),
        down(static_cast<std::uint32_t>((rows + tile_edge - 1) / tile_edge)),
        count(across * down),
        last_rows(static_cast<int>(rows - matrix_index{down - 1} * tile_edge)),
        last_columns(static_cast<int>(columns - matrix_index{across - 1} * width)),
        band_size(across * together) {}

  /// Where tile t is: its first row and column, and how many of either are inside the matrix.
  struct place {
    matrix_index row, column;
    int rows, columns;
  };
  [[nodiscard]] __device__ __forceinline__ place of(std::uint32_t t) const {
    std::uint32_t const band = band_size.divide(t), rest = t - band * band_size.value;
    std::uint32_t const height = min(together, down - band * together);
    std::uint32_t const column = height == together ? rest >> together_bits : rest / height;
    return at(band * together + rest - column * height, column);
  }
  /// The same if one row of tiles is taken after the other: for what only reads and writes along rows.
  [[nodiscard]] __device__ __forceinline__ place of_rows(std::uint32_t t) const {
    std::uint32_t const row = t / across;
    return at(row, t - row * across);
  }

 private:
  [[nodiscard]] __device__ __forceinline__ place at(std::uint32_t row, std::uint32_t column) const {
    return {matrix_index{row} * tile_edge, matrix_index{column} * width,
            row + 1 == down ? last_rows : tile_edge, column + 1 == across ? last_columns : width};
  }
};

}  // namespace nibble::device::detail
