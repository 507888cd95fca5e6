// SPDX-License-Identifier: Apache-2.0
// The order in which Blackwell's matrix units want block scales: tiles of 128 rows by 4 scales.
#pragma once

#include <cuda/std/mdspan>

#include "nibble/detail/bits.hpp"

namespace nibble::layout {

/// The layout policy of cuBLASLt, CUTLASS and TransformerEngine for block scales.
///
/// shape   rows x scales per row; storage is padded to whole tiles of 512 scales, tiles in
///         row-major order: required_span_size() is the allocation, and whoever quantizes writes
///         the padding.
/// rule    off(r, c) = ((r / 128) * ceil(columns / 4) + c / 4) * 512
///                     + (r % 32) * 16 + (r % 128) / 32 * 4 + c % 4.
/// source  cuBLAS documentation, 1D block scaling factors layout; equal to CUTLASS's
///         Sm1xxBlockScaledConfig<16>.
struct scale_tile_128x4 {
  static constexpr int tile_rows = 128;
  static constexpr int tile_columns = 4;

  /// Maps (row, column) of a view, which may start anywhere in the tiled matrix.
  template <class Extents>
  class mapping {
    static_assert(Extents::rank() == 2,
                  "got a rank other than 2; a scale matrix has rows and columns");

   public:
    using extents_type = Extents;
    using index_type = typename Extents::index_type;
    using size_type = typename Extents::size_type;
    using rank_type = typename Extents::rank_type;
    using layout_type = scale_tile_128x4;

    NIBBLE_HD constexpr mapping() noexcept : mapping(Extents{}) {}
    NIBBLE_HD constexpr mapping(Extents const& extents) noexcept  // NOLINT: as the standard layouts
        : extents_(extents),
          storage_rows_(extents.extent(0)),
          storage_columns_(extents.extent(1)) {}

    /// The part of this matrix that starts at (row, column) and has these extents.
    /// errors  a part that reaches outside is undefined; nibble::part checks.
    [[nodiscard]] NIBBLE_HD constexpr mapping part(index_type row, index_type column,
                                                   Extents const& extents) const noexcept {
      mapping result = *this;
      result.extents_ = extents;
      result.row_ += row;
      result.column_ += column;
      return result;
    }

    [[nodiscard]] NIBBLE_HD constexpr Extents const& extents() const noexcept { return extents_; }

    template <class Row, class Column>
    [[nodiscard]] NIBBLE_HD constexpr index_type operator()(Row row, Column column) const noexcept {
      index_type const r = row_ + static_cast<index_type>(row);
      index_type const c = column_ + static_cast<index_type>(column);
      index_type const tile = r / tile_rows * tiles_per_row() + c / tile_columns;
      return tile * (tile_rows * tile_columns) + r % 32 * 16 + r % tile_rows / 32 * 4 +
             c % tile_columns;
    }

    /// How many scales the storage holds, padding included: the size to allocate.
    [[nodiscard]] NIBBLE_HD constexpr index_type required_span_size() const noexcept {
      return detail::ceil_div<index_type>(storage_rows_, tile_rows) * tile_rows * tiles_per_row() *
             tile_columns;
    }

    /// Is this the whole matrix, and no part of one? Only then is the padding its own to write.
    [[nodiscard]] NIBBLE_HD constexpr bool is_whole() const noexcept {
      return row_ == 0 && column_ == 0 && extents_.extent(0) == storage_rows_ &&
             extents_.extent(1) == storage_columns_;
    }

    [[nodiscard]] NIBBLE_HD static constexpr bool is_always_unique() noexcept { return true; }
    [[nodiscard]] NIBBLE_HD static constexpr bool is_always_exhaustive() noexcept { return false; }
    [[nodiscard]] NIBBLE_HD static constexpr bool is_always_strided() noexcept { return false; }
    [[nodiscard]] NIBBLE_HD constexpr bool is_unique() const noexcept { return true; }
    [[nodiscard]] NIBBLE_HD constexpr bool is_exhaustive() const noexcept {
      return storage_rows_ % tile_rows == 0 && storage_columns_ % tile_columns == 0 &&
             extents_.extent(0) == storage_rows_ && extents_.extent(1) == storage_columns_;
    }
    [[nodiscard]] NIBBLE_HD constexpr bool is_strided() const noexcept { return false; }

    NIBBLE_HD friend constexpr bool operator==(mapping const& a, mapping const& b) noexcept {
      return a.extents_ == b.extents_ && a.storage_rows_ == b.storage_rows_ &&
             a.storage_columns_ == b.storage_columns_ && a.row_ == b.row_ && a.column_ == b.column_;
    }

   private:
    [[nodiscard]] NIBBLE_HD constexpr index_type tiles_per_row() const noexcept {
      return detail::ceil_div<index_type>(storage_columns_, tile_columns);
    }

    Extents extents_;
    index_type storage_rows_;
    index_type storage_columns_;
    index_type row_ = 0;
    index_type column_ = 0;
  };
};

}  // namespace nibble::layout
