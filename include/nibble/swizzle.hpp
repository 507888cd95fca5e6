// SPDX-License-Identifier: Apache-2.0
// Block scales from rows to the tiles that matrix units want, and back: checkpoints keep the one,
// products need the other.
#pragma once

#include "nibble/detail/host_check.hpp"
#include "nibble/view.hpp"

namespace nibble {

/// The scales of a matrix in tiles of 128x4.
template <class Scale>
using tiled_scales = cuda::std::mdspan<Scale, matrix_extents, layout::scale_tile_128x4>;

/// Do these scales fit those tiles? The tiles must be a whole matrix: a part owns no padding.
template <class From, class Layout, class To>
[[nodiscard]] constexpr bool can_swizzle(
    cuda::std::mdspan<From, matrix_extents, Layout> const& plain,
    tiled_scales<To> const& tiled) noexcept {
  return plain.extent(0) == tiled.extent(0) && plain.extent(1) == tiled.extent(1) &&
         tiled.mapping().is_whole();
}

/// Copies scales into tiles of 128x4; padding becomes zero.
///
/// shape   both rows x blocks a row; plain in any strides.
/// errors  std::invalid_argument where the extents differ or tiled is a part of a larger matrix.
/// bits    moved, none changed; as quantizing into the tiles would have written.
template <class From, class Layout, class To>
void swizzle(cuda::std::mdspan<From, matrix_extents, Layout> const& plain,
             tiled_scales<To> const& tiled) {
  detail::require(can_swizzle(plain, tiled),
                  "nibble::swizzle: got scales of " +
                      detail::shape_text(plain.extent(0), plain.extent(1)) + " for tiles of " +
                      detail::shape_text(tiled.extent(0), tiled.extent(1)) +
                      ", need equal extents and a whole tiled matrix");
  matrix_index const rows = plain.extent(0), columns = plain.extent(1);
  matrix_index const tall = detail::ceil_div<matrix_index>(rows, 128) * 128;
  matrix_index const wide = detail::ceil_div<matrix_index>(columns, 4) * 4;
  for (matrix_index r = 0; r < tall; ++r) {
    for (matrix_index c = 0; c < wide; ++c) {
      tiled.data_handle()[tiled.mapping()(r, c)] = r < rows && c < columns ? plain(r, c) : To{};
    }
  }
}

/// Copies scales out of tiles of 128x4.
///
/// shape, errors, bits  as swizzle, the other way.
template <class From, class To, class Layout>
void unswizzle(tiled_scales<From> const& tiled,
               cuda::std::mdspan<To, matrix_extents, Layout> const& plain) {
  detail::require(can_swizzle(plain, tiled),
                  "nibble::unswizzle: got tiles of " +
                      detail::shape_text(tiled.extent(0), tiled.extent(1)) + " for scales of " +
                      detail::shape_text(plain.extent(0), plain.extent(1)) +
                      ", need equal extents and a whole tiled matrix");
  for (matrix_index r = 0; r < plain.extent(0); ++r) {
    for (matrix_index c = 0; c < plain.extent(1); ++c) plain(r, c) = tiled(r, c);
  }
}

}  // namespace nibble
