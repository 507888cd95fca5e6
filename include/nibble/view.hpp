// SPDX-License-Identifier: Apache-2.0
// Matrices as the library sees them: standard mdspans, two of which make a quantized matrix.
#pragma once

#include <cuda/std/expected>
#include <cuda/std/mdspan>
#include <cuda/std/span>

#include "nibble/block.hpp"
#include "nibble/layout/packed_accessor.hpp"
#include "nibble/layout/scale_tile_128x4.hpp"

namespace nibble {

using matrix_index =
    std::int64_t;  // signed, so that differences are safe; 64 bits, so that sizes are
using matrix_extents = cuda::std::dextents<matrix_index, 2>;

/// A matrix of T with any strides: rows, columns.
template <class T>
using matrix_view = cuda::std::mdspan<T, matrix_extents, cuda::std::layout_stride>;

/// Why a view could not be made.
enum class view_error {
  negative_extent,     // rows or columns below 0
  too_large,           // an index would not fit 63 bits
  buffer_too_small,    // fewer bytes than the shape needs
  part_out_of_range,   // a part that reaches outside its matrix
  part_splits_a_block  // a part that starts or ends inside a block
};

/// A matrix of T over a buffer, rows one after the other.
/// errors  negative_extent, too_large, buffer_too_small.
template <class T>
[[nodiscard]] NIBBLE_HD constexpr cuda::std::expected<matrix_view<T>, view_error> make_matrix_view(
    cuda::std::span<T> buffer, matrix_index rows, matrix_index columns) noexcept {
  if (rows < 0 || columns < 0) return cuda::std::unexpected(view_error::negative_extent);
  if (columns > 0 && rows > INT64_MAX / columns)
    return cuda::std::unexpected(view_error::too_large);
  if (static_cast<std::uint64_t>(rows * columns) > buffer.size()) {
    return cuda::std::unexpected(view_error::buffer_too_small);
  }
  cuda::std::array<matrix_index, 2> const strides{columns > 0 ? columns : 1, 1};
  return matrix_view<T>(buffer.data(), {matrix_extents(rows, columns), strides});
}

/// The same matrix with rows and columns exchanged; nothing moves.
template <class T, class Extents, class Layout, class Accessor>
[[nodiscard]] NIBBLE_HD constexpr auto transposed(
    cuda::std::mdspan<T, Extents, Layout, Accessor> const& m) noexcept {
  static_assert(Extents::rank() == 2, "got a rank other than 2; only a matrix can be transposed");
  using result = cuda::std::mdspan<T, matrix_extents, cuda::std::layout_stride, Accessor>;
  cuda::std::array<matrix_index, 2> const strides{static_cast<matrix_index>(m.stride(1)),
                                                  static_cast<matrix_index>(m.stride(0))};
  return result(m.data_handle(),
                {matrix_extents(static_cast<matrix_index>(m.extent(1)),
                                static_cast<matrix_index>(m.extent(0))),
                 strides},
                m.accessor());
}

/// A block-scaled matrix: packed codes, scales and the amax that outer scales are derived from.
///
/// shape   codes: rows x columns, each row padded to whole blocks in storage. scales: rows x
///         ceil(columns / Block::size), or, for square tiles kept once, ceil(rows / Block::size)
///         rows. amax: 1 x 1, or rows x 1, or rows x ceil(columns / 128).
/// units   element (i, j) is codes(i, j) times what the scaling policy makes of its scale and amax.
template <class Block, class ScaleLayout = cuda::std::layout_right>
struct quantized_view {
  static constexpr bool is_const = std::is_const_v<Block>;
  using block_type = std::remove_const_t<Block>;
  template <class T>
  using qualified = std::conditional_t<is_const, T const, T>;
  using element_type = qualified<typename block_type::element_type>;
  using scale_type = qualified<typename block_type::scale_type>;
  using scale_layout = ScaleLayout;

  using codes_view = cuda::std::mdspan<element_type, matrix_extents, cuda::std::layout_stride,
                                       layout::packed_accessor<element_type>>;
  using scales_view = cuda::std::mdspan<scale_type, matrix_extents, ScaleLayout>;
  using amax_view = matrix_view<qualified<float>>;

  codes_view codes;
  scales_view scales;
  amax_view amax;

  [[nodiscard]] NIBBLE_HD constexpr matrix_index rows() const noexcept { return codes.extent(0); }
  [[nodiscard]] NIBBLE_HD constexpr matrix_index columns() const noexcept {
    return codes.extent(1);
  }

  /// How many rows share one row of scales: 1, or Block::size for square tiles kept once.
  [[nodiscard]] NIBBLE_HD constexpr matrix_index rows_per_scale() const noexcept {
    return scales.extent(0) < rows() ? matrix_index{block_type::size} : matrix_index{1};
  }
  /// The scale of block `block` in row `row`.
  [[nodiscard]] NIBBLE_HD constexpr auto scale(matrix_index row,
                                               matrix_index block) const noexcept {
    return static_cast<std::remove_const_t<scale_type>>(scales(row / rows_per_scale(), block));
  }
  /// The amax that covers element (row, column).
  [[nodiscard]] NIBBLE_HD constexpr float amax_of(matrix_index row,
                                                  matrix_index column) const noexcept {
    return amax(amax.extent(0) > 1 ? row : 0, amax.extent(1) > 1 ? column / 128 : 0);
  }

  /// The same matrix, read-only.
  [[nodiscard]] NIBBLE_HD constexpr quantized_view<block_type const, ScaleLayout> read_only()
      const noexcept {
    return {codes, scales, amax};
  }
};

/// The bytes and counts that a quantized matrix takes.
template <class Block, class ScaleLayout = cuda::std::layout_right>
struct quantized_shape {
  matrix_index rows;
  matrix_index columns;
  matrix_index scale_rows;    // rows, or ceil(rows / Block::size) where square tiles are kept once
  matrix_index amax_rows;     // 1, or rows
  matrix_index amax_columns;  // 1, or ceil(columns / 128)

  using scale_mapping = typename ScaleLayout::template mapping<matrix_extents>;

  [[nodiscard]] NIBBLE_HD constexpr matrix_index blocks_per_row() const noexcept {
    return detail::ceil_div<matrix_index>(columns, Block::size);
  }
  /// Elements from one row of codes to the next.
  [[nodiscard]] NIBBLE_HD constexpr matrix_index pitch() const noexcept {
    return blocks_per_row() * Block::size;
  }
  [[nodiscard]] NIBBLE_HD constexpr matrix_index code_bytes() const noexcept {
    return rows * blocks_per_row() * static_cast<matrix_index>(decltype(Block::codes)::size_bytes);
  }
  [[nodiscard]] NIBBLE_HD constexpr matrix_index scale_count() const noexcept {
    return scale_mapping(matrix_extents(scale_rows, blocks_per_row())).required_span_size();
  }
  [[nodiscard]] NIBBLE_HD constexpr matrix_index amax_count() const noexcept {
    return amax_rows * amax_columns;
  }
};

/// A quantized matrix over three buffers.
/// errors  negative_extent, too_large (codes, or scales in tiles of 128 rows, past 2^60),
///         buffer_too_small.
template <class Block, class ScaleLayout = cuda::std::layout_right, class Byte, class Scale,
          class Float>
[[nodiscard]] NIBBLE_HD constexpr cuda::std::expected<quantized_view<Block, ScaleLayout>,
                                                      view_error>
make_quantized_view(cuda::std::span<Byte> codes, cuda::std::span<Scale> scales,
                    cuda::std::span<Float> amax,
                    quantized_shape<std::remove_const_t<Block>, ScaleLayout> shape) noexcept {
  using view = quantized_view<Block, ScaleLayout>;
  constexpr matrix_index limit = matrix_index{1} << 60;
  if (shape.rows < 0 || shape.columns < 0 || shape.scale_rows < 0 || shape.amax_rows < 0 ||
      shape.amax_columns < 0) {
    return cuda::std::unexpected(view_error::negative_extent);
  }
  if (shape.columns > limit || shape.rows > limit / (shape.pitch() > 0 ? shape.pitch() : 1) ||
      shape.scale_rows > limit / 128 / (shape.blocks_per_row() + 4) ||
      shape.amax_rows > limit / (shape.amax_columns > 0 ? shape.amax_columns : 1)) {
    return cuda::std::unexpected(view_error::too_large);
  }
  if (codes.size() < static_cast<std::uint64_t>(shape.code_bytes()) ||
      scales.size() < static_cast<std::uint64_t>(shape.scale_count()) ||
      amax.size() < static_cast<std::uint64_t>(shape.amax_count())) {
    return cuda::std::unexpected(view_error::buffer_too_small);
  }
  // Whole blocks even where a row has no element, so that the strides do not depend on the size.
  cuda::std::array<matrix_index, 2> const strides{
      shape.pitch() > 0 ? shape.pitch() : matrix_index{view::block_type::size}, 1};
  cuda::std::array<matrix_index, 2> const amax_strides{
      shape.amax_columns > 0 ? shape.amax_columns : 1, 1};
  layout::packed_pointer<typename view::element_type> const handle(codes.data());
  return view{
      typename view::codes_view(handle, {matrix_extents(shape.rows, shape.columns), strides}),
      typename view::scales_view(scales.data(),
                                 matrix_extents(shape.scale_rows, shape.blocks_per_row())),
      typename view::amax_view(
          amax.data(), {matrix_extents(shape.amax_rows, shape.amax_columns), amax_strides})};
}

}  // namespace nibble
