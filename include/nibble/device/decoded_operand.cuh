// SPDX-License-Identifier: Apache-2.0
// Operands of products that do not multiply codes, straight from the quantizer as bf16, without the
// detour through codes where nobody else wants those.
#pragma once

#include "nibble/device/clear.cuh"
#include "nibble/device/fast.cuh"
#include "nibble/device/quantize_both.cuh"

namespace nibble::device::detail {

/// Can Quantizer's numbers be written as bf16 by the kernel that makes them?
template <class Quantizer>
inline constexpr bool makes_decoded = makes_sixteens<Quantizer>&& decodes_exactly<Quantizer>;

/// An output of bf16 in place of `view`, whose amax it reads.
template <class View>
[[nodiscard]] decoded_output decoded_like(View const& view, bf16* to, matrix_index pitch) noexcept {
  return {to, pitch, view.rows(), view.columns(), view.amax.data_handle()};
}

/// Zeros in the scales that belong to no block, of an output that has scales.
template <class Out>
void clear_output_padding(cudaStream_t stream, Out const& out) {
  if constexpr (!is_decoded<Out>) launch_clear_padding(stream, out);
}

/// Quantizes a matrix that is_tileable under the amaxes in its outputs, each a quantized_view, a
/// decoded_output or no_side.
///
/// bits    of a decoded_output: those of decode_operand of the codes that would have been written.
template <class In, class Rows, class RowsOut, class Columns, class ColumnsOut>
[[nodiscard]] status quantize_tileable(cudaStream_t stream, In const& in, Rows const& q_rows,
                                       RowsOut const& rows_out, Columns const& q_columns,
                                       ColumnsOut const& columns_out) {
  if (in.extent(0) == 0 || in.extent(1) == 0) return status::success;
  status const launched = launch_tiles(stream, in, q_rows, rows_out, q_columns, columns_out);
  if (launched != status::success) return launched;
  if constexpr (!std::is_same_v<Rows, no_side>) clear_output_padding(stream, rows_out);
  if constexpr (!std::is_same_v<Columns, no_side>) clear_output_padding(stream, columns_out);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace nibble::device::detail
