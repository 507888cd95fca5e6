// SPDX-License-Identifier: Apache-2.0
// The transpose of a matrix of square tiles: the same numbers, codes and scales moved.
#pragma once

#include "nibble/quantized_matrix.hpp"

namespace nibble {

/// The transpose of a matrix that was quantized in square tiles, without quantizing again.
///
/// shape   in: rows x columns, of which the quantizer's tiles must be square; returns columns x
///         rows.
/// errors  row blocks, or a transform, do not compile.
/// bits    equal to quantizing the transposed original.
template <class Quantizer, class Block, class ScaleLayout>
[[nodiscard]] quantized_by<Quantizer, ScaleLayout> transpose_tiles(
    quantized_view<Block, ScaleLayout> const& in) {
  static_assert(
      Quantizer::scaling_type::shape == scaling::tile::square &&
          Quantizer::transform_type::size == 1,
      "got row blocks or a transform; only square tiles of plain values can be transposed, "
      "quantize transposed(matrix) instead");
  constexpr matrix_index size = std::remove_const_t<Block>::size;
  quantized_by<Quantizer, ScaleLayout> result(
      shape_for<Quantizer, ScaleLayout>(in.columns(), in.rows()));
  auto const out = result.view();
  for (matrix_index i = 0; i < in.rows(); ++i) {
    for (matrix_index j = 0; j < in.columns(); ++j) out.codes(j, i) = in.codes(i, j);
  }
  for (matrix_index j = 0; j < in.columns(); ++j) {
    for (matrix_index b = 0; b < out.scales.extent(1); ++b) {
      out.scales(j, b) = in.scale(b * size, j / size);
    }
  }
  out.amax(0, 0) = in.amax(0, 0);
  return result;
}

}  // namespace nibble
