// SPDX-License-Identifier: Apache-2.0
// What every launcher asks of its output, and the padding that it owes.
#pragma once

#include "nibble/device/group.cuh"
#include "nibble/device/status.cuh"

namespace nibble::device::detail {

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
  if (out.codes.stride(1) != 1 || out.codes.stride(0) % Block::size != 0 ||
      out.codes.stride(0) < need.pitch()) {
    return status::code_layout;
  }
  return status::success;
}

/// Zeros in the padding of scales that come in whole tiles.
template <class Out>
void launch_clear_padding(cudaStream_t stream, Out const& out) {
  if constexpr (requires { Out::scale_layout::tile_rows; }) {
    if (out.scales.mapping().is_whole() && !out.scales.mapping().is_exhaustive()) {
      clear_padding<Out>
          <<<grid_for(out.scales.mapping().required_span_size()), threads_per_block, 0, stream>>>(
              out);
    }
  }
}

/// Can codes be written 8 bytes at a time?
template <class Out>
[[nodiscard]] bool has_wide_codes(Out const& out) {
  return is_aligned(out.codes.data_handle().bytes, 8) && out.codes.data_handle().first == 0;
}

}  // namespace nibble::device::detail
