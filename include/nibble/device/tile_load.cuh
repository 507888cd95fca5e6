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

/// Begins to copy a tile to shared memory, 16 bytes at a time, as one group of asynchronous copies;
/// what lies beyond the edge is left as it is, and nobody reads it.
template <class T>
__device__ __forceinline__ void start_tile(T const* in, matrix_index pitch, int rows, int columns,
                                           uint4* tile) {
  constexpr int per_chunk = 16 / static_cast<int>(sizeof(T)),
                rows_at_once = threads_per_block / chunks_per_row<T>;
  unsigned const first_chunk = threadIdx.x % unsigned{chunks_per_row<T>};
  unsigned const first_row = threadIdx.x / unsigned{chunks_per_row<T>};
  int const chunk = static_cast<int>(first_chunk), row = static_cast<int>(first_row);
  T const* from = in + (first_row * pitch + first_chunk * unsigned{per_chunk});
  if (rows == tile_edge && columns == tile_edge) {
    // chunk_place of row + first: each 16 rows further down another chunk.
    static_assert(rows_at_once <= 16 && 16 % rows_at_once == 0);
    int const place = chunk_place<T>(row, chunk);
#pragma unroll
    for (int first = 0; first < tile_edge; first += rows_at_once, from += rows_at_once * pitch) {
      __pipeline_memcpy_async(tile + ((place ^ first >> 4) + first * chunks_per_row<T>), from, 16);
    }
  } else if (chunk * per_chunk < columns) {
#pragma unroll 1
    for (int r = row; r < rows; r += rows_at_once, from += rows_at_once * pitch) {
      __pipeline_memcpy_async(tile + chunk_place<T>(r, chunk), from, 16);
    }
  }
  __pipeline_commit();
}

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
