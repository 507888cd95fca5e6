// SPDX-License-Identifier: Apache-2.0
// Rows one after the other, padded: how TransformerEngine and checkpoints keep scales for products.
#pragma once

#include <cuda/std/mdspan>

#include "nibble/detail/bits.hpp"

namespace nibble::layout {

/// Row-major storage of ceil(rows / RowMultiple) * RowMultiple rows of
/// ceil(columns / ColumnMultiple) * ColumnMultiple elements.
///
/// shape   rows x columns are the logical extents; required_span_size() is the allocation.
template <int RowMultiple, int ColumnMultiple>
struct padded_right {
  static constexpr int tile_rows = RowMultiple;
  static constexpr int tile_columns = ColumnMultiple;

  template <class Extents>
  class mapping {
    static_assert(Extents::rank() == 2,
                  "got a rank other than 2; a scale matrix has rows and columns");

   public:
    using extents_type = Extents;
    using index_type = typename Extents::index_type;
    using size_type = typename Extents::size_type;
    using rank_type = typename Extents::rank_type;
    using layout_type = padded_right;

    NIBBLE_HD constexpr mapping() noexcept : mapping(Extents{}) {}
    NIBBLE_HD constexpr mapping(Extents const& extents) noexcept  // NOLINT: as the standard layouts
        : extents_(extents),
          storage_rows_(padded(extents.extent(0), RowMultiple)),
          pitch_(padded(extents.extent(1), ColumnMultiple)) {}

    [[nodiscard]] NIBBLE_HD constexpr Extents const& extents() const noexcept { return extents_; }
    template <class Row, class Column>
    [[nodiscard]] NIBBLE_HD constexpr index_type operator()(Row row, Column column) const noexcept {
      return static_cast<index_type>(row) * pitch_ + static_cast<index_type>(column);
    }
    /// How many elements the storage holds, padding included.
    [[nodiscard]] NIBBLE_HD constexpr index_type required_span_size() const noexcept {
      return storage_rows_ * pitch_;
    }
    /// Always: a part of such a matrix is a strided one.
    [[nodiscard]] NIBBLE_HD static constexpr bool is_whole() noexcept { return true; }

    [[nodiscard]] NIBBLE_HD static constexpr bool is_always_unique() noexcept { return true; }
    [[nodiscard]] NIBBLE_HD static constexpr bool is_always_exhaustive() noexcept { return false; }
    [[nodiscard]] NIBBLE_HD static constexpr bool is_always_strided() noexcept { return true; }
    [[nodiscard]] NIBBLE_HD constexpr bool is_unique() const noexcept { return true; }
    [[nodiscard]] NIBBLE_HD constexpr bool is_exhaustive() const noexcept {
      return extents_.extent(0) == storage_rows_ && extents_.extent(1) == pitch_;
    }
    [[nodiscard]] NIBBLE_HD constexpr bool is_strided() const noexcept { return true; }
    [[nodiscard]] NIBBLE_HD constexpr index_type stride(rank_type dimension) const noexcept {
      return dimension == 0 ? pitch_ : index_type{1};
    }
    NIBBLE_HD friend constexpr bool operator==(mapping const& a, mapping const& b) noexcept {
      return a.extents_ == b.extents_;
    }

   private:
    NIBBLE_HD static constexpr index_type padded(index_type extent, index_type multiple) noexcept {
      return detail::ceil_div<index_type>(extent, multiple) * multiple;
    }

    Extents extents_;
    index_type storage_rows_;
    index_type pitch_;
  };
};

}  // namespace nibble::layout
