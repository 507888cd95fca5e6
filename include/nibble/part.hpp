// SPDX-License-Identifier: Apache-2.0
// Parts of matrices as views of their own; libcu++'s submdspan does not take a layout of ours.
#pragma once

#include "nibble/view.hpp"

namespace nibble {

/// The rows x columns of a matrix from (row, column) on; one without elements begins where the
/// matrix does, which may have no memory.
/// errors  negative_extent, part_out_of_range.
template <class T, class Accessor>
[[nodiscard]] NIBBLE_HD constexpr auto part(
    cuda::std::mdspan<T, matrix_extents, cuda::std::layout_stride, Accessor> const& m,
    matrix_index row, matrix_index column, matrix_index rows, matrix_index columns) noexcept
    -> cuda::std::expected<cuda::std::mdspan<T, matrix_extents, cuda::std::layout_stride, Accessor>,
                           view_error> {
  if (rows < 0 || columns < 0 || row < 0 || column < 0) {
    return cuda::std::unexpected(view_error::negative_extent);
  }
  if (row > m.extent(0) - rows || column > m.extent(1) - columns) {
    return cuda::std::unexpected(view_error::part_out_of_range);
  }
  cuda::std::array<matrix_index, 2> const strides{m.stride(0), m.stride(1)};
  bool const is_empty = rows == 0 || columns == 0;
  auto const first =
      is_empty ? 0 : static_cast<std::size_t>(row * m.stride(0) + column * m.stride(1));
  return cuda::std::mdspan<T, matrix_extents, cuda::std::layout_stride, Accessor>(
      m.accessor().offset(m.data_handle(), first), {matrix_extents(rows, columns), strides},
      m.accessor());
}

/// The layout of the scales of a part: strided where the layout is, otherwise what it was.
template <class ScaleLayout>
using part_layout =
    std::conditional_t<ScaleLayout::template mapping<matrix_extents>::is_always_strided(),
                       cuda::std::layout_stride, ScaleLayout>;

/// The rows x columns of a quantized matrix from (row, column) on.
///
/// shape   column must be a multiple of the block size (of 128 where an amax covers 1x128), and so
///         must columns unless the part reaches the last one; rows of square tiles kept once
///         likewise.
/// errors  negative_extent, part_out_of_range, part_splits_a_block.
template <class Block, class ScaleLayout>
[[nodiscard]] NIBBLE_HD constexpr cuda::std::expected<
    quantized_view<Block, part_layout<ScaleLayout>>, view_error>
part(quantized_view<Block, ScaleLayout> const& m, matrix_index row, matrix_index column,
     matrix_index rows, matrix_index columns) noexcept {
  using result = quantized_view<Block, part_layout<ScaleLayout>>;
  auto const codes = part(m.codes, row, column, rows, columns);
  if (!codes) return cuda::std::unexpected(codes.error());

  constexpr matrix_index size = result::block_type::size;
  matrix_index const tall = m.rows_per_scale();
  matrix_index const wide = m.amax.extent(1) > 1 ? (size > 128 ? size : 128) : size;
  bool const ends_whole = columns % wide == 0 || column + columns == m.columns();
  bool const rows_whole = row % tall == 0 && (rows % tall == 0 || row + rows == m.rows());
  if (column % wide != 0 || !ends_whole || !rows_whole) {
    return cuda::std::unexpected(view_error::part_splits_a_block);
  }

  matrix_extents const scale_extents(detail::ceil_div(rows, tall), detail::ceil_div(columns, size));
  auto const scales = [&] {
    if constexpr (requires { m.scales.mapping().part(row, column, scale_extents); }) {
      return typename result::scales_view(
          m.scales.data_handle(),
          m.scales.mapping().part(row / tall, column / size, scale_extents));
    } else {
      cuda::std::array<matrix_index, 2> const strides{m.scales.stride(0), m.scales.stride(1)};
      matrix_index const first =
          rows == 0 || columns == 0 ? 0 : row / tall * strides[0] + column / size * strides[1];
      return typename result::scales_view(m.scales.data_handle() + first, {scale_extents, strides});
    }
  }();

  bool const by_row = m.amax.extent(0) > 1, by_column = m.amax.extent(1) > 1;
  auto const amax =
      part(m.amax, by_row ? row : 0, by_column ? column / 128 : 0, by_row ? rows : m.amax.extent(0),
           by_column ? detail::ceil_div<matrix_index>(columns, 128) : m.amax.extent(1));
  return result{*codes, scales, *amax};
}

}  // namespace nibble
