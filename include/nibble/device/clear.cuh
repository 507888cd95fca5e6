// SPDX-License-Identifier: Apache-2.0
// Zeros in device memory: where amaxes will be added, and in the padding of scales.
#pragma once

#include "nibble/device/group.cuh"
#include "nibble/device/status.cuh"

namespace nibble::device::detail {

/// Zeros, asynchronously; none where a kernel of the launcher has no code for the current GPU. There a
/// memset alone would work, the launch fail, and what was there be lost. (A kernel in place of the
/// memset takes 2 us more on an H200.)
template <class Kernel, class... T>
[[nodiscard]] status clear(cudaStream_t stream, Kernel* kernel, ::cuda::std::span<T>... to) {
  if ((... && to.empty())) return status::success;
  cudaFuncAttributes known;
  bool const done =
      cudaFuncGetAttributes(&known, kernel) == cudaSuccess &&
      (... && (cudaMemsetAsync(to.data(), 0, to.size_bytes(), stream) == cudaSuccess));
  return done ? status::success : status::launch_failed;
}

/// Zeros in the scales that belong to no block.
template <class Out>
__global__ void clear_padding(Out out) {
  using layout = typename Out::scale_layout;
  auto const& mapping = out.scales.mapping();
  matrix_index const rows = out.scales.extent(0), columns = out.scales.extent(1);
  matrix_index const tall =
      nibble::detail::ceil_div<matrix_index>(rows, layout::tile_rows) * layout::tile_rows;
  matrix_index const wide =
      nibble::detail::ceil_div<matrix_index>(columns, layout::tile_columns) * layout::tile_columns;
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  for (matrix_index i = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
       i < tall * wide; i += step) {
    matrix_index const r = i / wide, c = i % wide;
    if (r >= rows || c >= columns) {
      out.scales.data_handle()[mapping(r, c)] = typename Out::block_type::scale_type{};
    }
  }
}

/// Zeros in the padding of scales that come in whole tiles, unless the launch before failed.
template <class Out>
void launch_clear_padding(cudaStream_t stream, Out const& out) {
  if constexpr (requires { Out::scale_layout::tile_rows; }) {
    if (out.scales.mapping().is_whole() && !out.scales.mapping().is_exhaustive() &&
        cudaPeekAtLastError() == cudaSuccess) {
      clear_padding<Out>
          <<<grid_for(out.scales.mapping().required_span_size()), threads_per_block, 0, stream>>>(
              out);
    }
  }
}

}  // namespace nibble::device::detail
