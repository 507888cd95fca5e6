// SPDX-License-Identifier: Apache-2.0
// A matrix and its transpose to blocks on the device, from one pass over it: the bytes of
// nibble::quantize_both.
#pragma once

#include "nibble/device/amax_both.cuh"
#include "nibble/device/clear.cuh"
#include "nibble/device/quantize.cuh"

namespace nibble::device {

namespace detail {

/// check_output of both directions of a matrix.
template <class Rows, class Columns, class RowsOut, class ColumnsOut>
[[nodiscard]] status check_outputs(matrix_index rows, matrix_index columns, RowsOut const& rows_out,
                                   ColumnsOut const& columns_out) {
  status const fits = check_output<Rows>(rows, columns, rows_out);
  return fits == status::success ? check_output<Columns>(columns, rows, columns_out) : fits;
}

}  // namespace detail

/// Quantizes a matrix and its transpose under the amaxes that the outputs already hold.
///
/// shape   as nibble::quantize_both_with_amax; every pointer is one the device can read. One pass
///         where both quantizers make 1x16 or 16x16 blocks of e2m1 (makes_sixteens), both extents
///         are multiples of 16 and rows are contiguous and 16-byte aligned; else two launches.
/// errors  a status; nothing is written unless it is success. Allocates nothing, can be captured in
///         a graph.
/// bits    those of quantize_with_amax of `in` and of transposed(in), for any launch shape.
template <class In, class BlockR, class LayoutR, class BlockC, class LayoutC, class Rows,
          class Columns>
status quantize_both_with_amax(::cuda::stream_ref stream, In const& in,
                               quantized_view<BlockR, LayoutR> const& rows_out,
                               quantized_view<BlockC, LayoutC> const& columns_out,
                               Rows const& q_rows, Columns const& q_columns) {
  status const fits =
      detail::check_outputs<Rows, Columns>(in.extent(0), in.extent(1), rows_out, columns_out);
  if (fits != status::success) return fits;
  if (in.extent(0) == 0 || in.extent(1) == 0) return status::success;
  if constexpr (makes_sixteens<Rows> && makes_sixteens<Columns>) {
    bool const is_wide = detail::has_wide_codes(rows_out) && detail::has_wide_codes(columns_out);
    if (is_wide && detail::is_tileable(in)) {
      status const launched =
          detail::launch_tiles(stream.get(), in, q_rows, rows_out, q_columns, columns_out);
      if (launched != status::success) return launched;
      detail::launch_clear_padding(stream.get(), rows_out);
      detail::launch_clear_padding(stream.get(), columns_out);
      return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
    }
  }
  status const done = quantize_with_amax(stream, in, rows_out, q_rows);
  return done == status::success
             ? quantize_with_amax(stream, transposed(in), columns_out, q_columns)
             : done;
}

/// Quantizes a matrix and its transpose: find_amax_both, then quantize_both_with_amax, on one
/// stream.
///
/// errors  as both.
/// bits    those of quantize of `in` and of transposed(in).
template <class In, class BlockR, class LayoutR, class BlockC, class LayoutC, class Rows,
          class Columns>
status quantize_both(::cuda::stream_ref stream, In const& in,
                     quantized_view<BlockR, LayoutR> const& rows_out,
                     quantized_view<BlockC, LayoutC> const& columns_out, Rows const& q_rows,
                     Columns const& q_columns) {
  status const fits =
      detail::check_outputs<Rows, Columns>(in.extent(0), in.extent(1), rows_out, columns_out);
  if (fits != status::success) return fits;
  status const found = find_amax_both(stream, in, rows_out, columns_out, q_rows, q_columns);
  return found == status::success
             ? quantize_both_with_amax(stream, in, rows_out, columns_out, q_rows, q_columns)
             : found;
}

}  // namespace nibble::device
