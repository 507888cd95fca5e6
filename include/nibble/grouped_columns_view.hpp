// SPDX-License-Identifier: Apache-2.0
// Many matrices in one that are parted along their columns, as sums over an expert's tokens need them:
// blocks begin anew with every group.
#pragma once

#include "nibble/grouped_view.hpp"

namespace nibble {

/// Quantized matrices of the same height: group g is made of columns offsets[g] to offsets[g + 1] of a
/// matrix of rows x columns, any number of them, and has an amax of its own.
///
/// shape   groups lie one behind the other, each a whole matrix of its own: codes of group g begin
///         rows * padded_start(offsets[g], g, 128) elements from the first, with its columns rounded
///         up to 128 from row to row; its scales, in their layout, where as many blocks of 16 (or 32)
///         of padded rows lie before them. amaxes: one a group.
template <class Block, class ScaleLayout = cuda::std::layout_right>
struct grouped_columns_view {
  using one = quantized_view<Block, ScaleLayout>;
  using block_type = typename one::block_type;
  using scale_layout = ScaleLayout;
  /// What every group's columns are rounded up to in storage.
  static constexpr matrix_index multiple = 128;

  layout::packed_pointer<typename one::element_type> codes;
  typename one::scale_type* scales;
  cuda::std::span<typename one::amax_view::element_type> amaxes;
  matrix_index row_count;     ///< Of every group.
  matrix_index column_count;  ///< Of all groups, without padding.

  [[nodiscard]] NIBBLE_HD constexpr matrix_index rows() const noexcept { return row_count; }
  /// Of all groups, without padding.
  [[nodiscard]] NIBBLE_HD constexpr matrix_index columns() const noexcept { return column_count; }
  [[nodiscard]] NIBBLE_HD constexpr matrix_index groups() const noexcept {
    return static_cast<matrix_index>(amaxes.size());
  }

  /// Group `group`, made of columns [first, last), as a quantized matrix of its own.
  ///
  /// shape   transform: the size of the quantizer's, to whose multiple columns are completed.
  [[nodiscard]] NIBBLE_HD constexpr one group(matrix_index group, matrix_index first,
                                              matrix_index last,
                                              matrix_index transform = 1) const noexcept {
    constexpr matrix_index size = block_type::size, tall = scale_row_multiple<ScaleLayout>();
    matrix_index const columns = detail::ceil_div(last - first, transform) * transform;
    matrix_index const start = padded_start(first, group, multiple);
    matrix_index const wide = detail::ceil_div(columns, multiple) * multiple;
    // One block at least, so that the strides do not depend on the size.
    cuda::std::array<matrix_index, 2> const strides{wide > 0 ? wide : multiple, 1};
    cuda::std::array<matrix_index, 2> const amax_strides{1, 1};
    layout::packed_accessor<typename one::element_type> const accessor;
    return {typename one::codes_view(
                accessor.offset(codes, static_cast<std::size_t>(row_count * start)),
                {matrix_extents(row_count, columns), strides}),
            typename one::scales_view(
                scales + detail::ceil_div(row_count, tall) * tall * (start / size),
                matrix_extents(row_count, detail::ceil_div(columns, size))),
            typename one::amax_view(amaxes.data() + group, {matrix_extents(1, 1), amax_strides})};
  }
};

/// What columns parted into groups take, as a shape: its counts say what to allocate.
template <class Block, class ScaleLayout = cuda::std::layout_right>
struct grouped_columns_shape {
  /// What every group's columns are rounded up to in storage.
  static constexpr matrix_index multiple = grouped_columns_view<Block, ScaleLayout>::multiple;

  matrix_index rows, columns, groups;

  /// Columns with every group's padding.
  [[nodiscard]] NIBBLE_HD constexpr matrix_index padded_columns() const noexcept {
    return padded_start(columns, groups, multiple);
  }
  [[nodiscard]] NIBBLE_HD constexpr matrix_index code_bytes() const noexcept {
    return rows * (padded_columns() / Block::size) *
           static_cast<matrix_index>(decltype(Block::codes)::size_bytes);
  }
  [[nodiscard]] NIBBLE_HD constexpr matrix_index scale_count() const noexcept {
    constexpr matrix_index tall = scale_row_multiple<ScaleLayout>();
    return detail::ceil_div(rows, tall) * tall * (padded_columns() / Block::size);
  }
};

/// Columns in groups over three buffers, an amax a group.
/// errors  negative_extent, too_large (past 2^60), buffer_too_small.
template <class Block, class ScaleLayout = cuda::std::layout_right, class Byte, class Scale,
          class Float>
[[nodiscard]] NIBBLE_HD constexpr cuda::std::expected<grouped_columns_view<Block, ScaleLayout>,
                                                      view_error>
make_grouped_columns_view(
    cuda::std::span<Byte> codes, cuda::std::span<Scale> scales, cuda::std::span<Float> amaxes,
    grouped_columns_shape<std::remove_const_t<Block>, ScaleLayout> shape) noexcept {
  using view = grouped_columns_view<Block, ScaleLayout>;
  constexpr matrix_index limit = matrix_index{1} << 60;
  if (shape.rows < 0 || shape.columns < 0 || shape.groups < 0) {
    return cuda::std::unexpected(view_error::negative_extent);
  }
  if (shape.rows > limit || shape.columns > limit || shape.groups > limit / (2 * view::multiple) ||
      shape.rows / 128 + 1 > limit / 128 / (shape.padded_columns() + 1)) {
    return cuda::std::unexpected(view_error::too_large);
  }
  if (codes.size() < static_cast<std::uint64_t>(shape.code_bytes()) ||
      scales.size() < static_cast<std::uint64_t>(shape.scale_count()) ||
      amaxes.size() < static_cast<std::uint64_t>(shape.groups)) {
    return cuda::std::unexpected(view_error::buffer_too_small);
  }
  return view{layout::packed_pointer<typename view::one::element_type>(codes.data()),
              scales.data(),
              {amaxes.data(), static_cast<std::size_t>(shape.groups)},
              shape.rows,
              shape.columns};
}

}  // namespace nibble
