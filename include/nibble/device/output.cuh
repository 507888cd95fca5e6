// SPDX-License-Identifier: Apache-2.0
// What every launcher asks of its output.
#pragma once

#include "nibble/device/group.cuh"
#include "nibble/device/status.cuh"

namespace nibble::device::detail {

/// Are rows of codes padded to whole blocks, and at least `pitch` elements apart?
template <class Out>
status check_codes(Out const& out, matrix_index pitch) {
  bool const fits = out.codes.stride(1) == 1 && out.codes.stride(0) % Out::block_type::size == 0 &&
                    out.codes.stride(0) >= pitch;
  return fits ? status::success : status::code_layout;
}

/// Has `out` the shape that Quantizer makes of rows x columns?
template <class Quantizer, class Block, class ScaleLayout>
status check_output(matrix_index rows, matrix_index columns,
                    quantized_view<Block, ScaleLayout> const& out) {
  static_assert(std::is_same_v<typename Quantizer::block_type, Block>,
                "got a view of other blocks than the quantizer makes");
  auto const need = shape_for<Quantizer, ScaleLayout>(rows, columns);
  auto const tiles = shape_for<Quantizer, ScaleLayout>(rows, columns, true);
  if (out.rows() != need.rows || out.columns() != need.columns ||
      (out.scales.extent(0) != need.scale_rows && out.scales.extent(0) != tiles.scale_rows) ||
      out.scales.extent(1) != need.blocks_per_row() || out.amax.extent(0) != need.amax_rows ||
      out.amax.extent(1) != need.amax_columns) {
    return status::shape_mismatch;
  }
  return check_codes(out, need.pitch());
}

}  // namespace nibble::device::detail
