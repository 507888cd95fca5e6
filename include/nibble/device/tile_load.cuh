// SPDX-License-Identifier: Apache-2.0
// Tiles on their way to shared memory while others are encoded.
#pragma once

#include <cuda_pipeline_primitives.h>

#include "nibble/device/status.cuh"
#include "nibble/device/tile128.cuh"

namespace nibble::device::detail {

/// How many tiles are in shared memory at a time: of floats one, so that three CTAs fit.
template <class T>
inline constexpr int tile_stages = sizeof(T) == 2 ? 2 : 1;

/// A thread's part in copying tiles of a matrix to shared memory, 16 bytes at a time.
///
/// shape   rows below each other, all in one group of 16, so that chunk_place moves by whole rows.
template <class T>
struct tile_loader {
  static constexpr int per_chunk = 16 / static_cast<int>(sizeof(T)), chunks = chunks_per_row<T>,
                       each = tile_edge * chunks / threads_per_block;
  static_assert(16 % each == 0);

  T const* in;  // the thread's first chunk of the matrix's first tile
  matrix_index pitch;
  int row, chunk, place;

  __device__ __forceinline__ tile_loader(T const* first, matrix_index row_pitch)
      : pitch(row_pitch),
        row(static_cast<int>(threadIdx.x / unsigned{chunks}) * each),
        chunk(static_cast<int>(threadIdx.x % unsigned{chunks})),
        place(in_register(chunk_place<T>(row, chunk))) {
    in = in_register(first + (row * pitch + chunk * per_chunk));
  }

  /// Begins to copy the tile at (first_row, first_column), of which so many rows and columns are inside, as one group
  /// of asynchronous copies; what lies beyond the edge is left as it is, and nothing that is written depends on it.
  __device__ __forceinline__ void start(matrix_index first_row, matrix_index first_column, int rows,
                                        int columns, uint4* tile) const {
    T const* from = in + (first_row * pitch + first_column);
    uint4* const to = tile + place;
    if (rows == tile_edge && columns >= tile_edge) {
#pragma unroll
      for (int r = 0; r < each; ++r, from += pitch) {
        __pipeline_memcpy_async(to + r * chunks, from, 16);
      }
    } else if (chunk * per_chunk < columns) {
#pragma unroll 1
      for (int r = 0; r < each && row + r < rows; ++r, from += pitch) {
        __pipeline_memcpy_async(to + r * chunks, from, 16);
      }
    }
    __pipeline_commit();
  }
};

/// Launches a kernel of 256 threads a block on `Bytes` of dynamic shared memory.
template <std::size_t Bytes, class Kernel, class... Arguments>
status launch_with(Kernel kernel, unsigned grid, cudaStream_t stream,
                   Arguments const&... arguments) {
  if (Bytes > 48 * 1024 && cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                int{Bytes}) != cudaSuccess) {
    return status::launch_failed;
  }
  kernel<<<grid, threads_per_block, Bytes, stream>>>(arguments...);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace nibble::device::detail
