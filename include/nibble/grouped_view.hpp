// SPDX-License-Identifier: Apache-2.0
// Many matrices in one, as the experts of a mixture have them: rows of a matrix parted by offsets
// that only the device need know.
#pragma once

#include "nibble/view.hpp"

namespace nibble {

/// Where the storage of group `group` begins, if groups of rows are each padded to a multiple of
/// `multiple` rows: found without looking at the groups before.
///
/// units   rows. first_row: of the group in the unpadded matrix, the sum of the sizes before it.
/// rule    (first_row + group * (multiple - 1)) rounded down to a multiple. The group after the last
///         begins where the storage ends, so padded_start(rows, groups, multiple) is its size.
[[nodiscard]] NIBBLE_HD constexpr matrix_index padded_start(matrix_index first_row,
                                                            matrix_index group,
                                                            matrix_index multiple) noexcept {
  return (first_row + group * (multiple - 1)) / multiple * multiple;
}

/// How many rows of scales a layout pads a matrix to a multiple of.
template <class ScaleLayout>
[[nodiscard]] NIBBLE_HD constexpr matrix_index scale_row_multiple() noexcept {
  if constexpr (requires { ScaleLayout::tile_rows; }) {
    return ScaleLayout::tile_rows;
  } else {
    return 1;
  }
}

/// Quantized matrices of the same width, one below the other: group g has rows offsets[g] to
/// offsets[g + 1], any number of them, and an amax of its own.
///
/// shape   codes: rows x columns. scales: those of group g from row padded_start(offsets[g], g,
///         multiple) on, a whole matrix of its layout; multiple is 1 for plain scales, 128 in tiles
///         of 128x4. amaxes: one a group.
template <class Block, class ScaleLayout = cuda::std::layout_right>
struct grouped_view {
  using one = quantized_view<Block, ScaleLayout>;
  using block_type = typename one::block_type;
  using scale_layout = ScaleLayout;

  typename one::codes_view codes;
  typename one::scales_view scales;
  cuda::std::span<typename one::amax_view::element_type> amaxes;

  [[nodiscard]] NIBBLE_HD constexpr matrix_index rows() const noexcept { return codes.extent(0); }
  [[nodiscard]] NIBBLE_HD constexpr matrix_index columns() const noexcept {
    return codes.extent(1);
  }
  [[nodiscard]] NIBBLE_HD constexpr matrix_index groups() const noexcept {
    return static_cast<matrix_index>(amaxes.size());
  }

  /// Group `group`, which has rows [first, last), as a quantized matrix of its own: what a product
  /// or dequantize takes.
  [[nodiscard]] NIBBLE_HD constexpr one group(matrix_index group, matrix_index first,
                                              matrix_index last) const noexcept {
    cuda::std::array<matrix_index, 2> const strides{codes.stride(0), codes.stride(1)};
    cuda::std::array<matrix_index, 2> const amax_strides{1, 1};
    matrix_index const start = padded_start(first, group, scale_row_multiple<ScaleLayout>());
    return {typename one::codes_view(
                codes.accessor().offset(codes.data_handle(),
                                        static_cast<std::size_t>(first * strides[0])),
                {matrix_extents(last - first, columns()), strides}),
            typename one::scales_view(scales.data_handle() + scales.mapping()(start, 0),
                                      matrix_extents(last - first, scales.extent(1))),
            typename one::amax_view(amaxes.data() + group, {matrix_extents(1, 1), amax_strides})};
  }
};

/// The shape of `groups` matrices of rows x columns in all: what to allocate.
///
/// shape   one: of the undivided matrix, as shape_for makes it.
template <class Block, class ScaleLayout>
[[nodiscard]] constexpr quantized_shape<Block, ScaleLayout> grouped_shape(
    quantized_shape<Block, ScaleLayout> one, matrix_index groups) noexcept {
  one.scale_rows = padded_start(one.rows, groups, scale_row_multiple<ScaleLayout>());
  one.amax_rows = groups;
  one.amax_columns = 1;
  return one;
}

/// Grouped matrices over three buffers; shape: from grouped_shape.
/// errors  as make_quantized_view.
template <class Block, class ScaleLayout = cuda::std::layout_right, class Byte, class Scale,
          class Float>
[[nodiscard]] NIBBLE_HD constexpr cuda::std::expected<grouped_view<Block, ScaleLayout>, view_error>
make_grouped_view(cuda::std::span<Byte> codes, cuda::std::span<Scale> scales,
                  cuda::std::span<Float> amaxes,
                  quantized_shape<std::remove_const_t<Block>, ScaleLayout> shape) noexcept {
  auto const whole = make_quantized_view<Block, ScaleLayout>(codes, scales, amaxes, shape);
  if (!whole) return cuda::std::unexpected(whole.error());
  return grouped_view<Block, ScaleLayout>{
      whole->codes, whole->scales, {amaxes.data(), static_cast<std::size_t>(shape.amax_rows)}};
}

}  // namespace nibble
