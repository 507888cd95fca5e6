// SPDX-License-Identifier: Apache-2.0
// A tile on its way to shared memory: each 16 bytes arrive where chunk_place says, those beyond the edge are
// left as they are, and a launch that wants more shared memory than there is, is a status.
#include <doctest/doctest.h>

#include <nibble/bf16.hpp>
#include <nibble/device/tile_load.cuh>

#include "support/device_memory.cuh"

namespace {

namespace kernels = nibble::device::detail;

constexpr nibble::matrix_index pitch = 288;

/// The chunks of the tile at (first_row, first_column), row by row, as they are looked for.
template <class T>
__global__ void load(T const* in, int first_row, int first_column, int rows, int columns,
                     uint4* out) {
  constexpr int chunks = kernels::chunks_per_row<T>;
  extern __shared__ uint4 tile[];
  for (int i = static_cast<int>(threadIdx.x); i < 128 * chunks; i += 256) {
    tile[i] = uint4{7, 7, 7, 7};
  }
  __syncthreads();
  kernels::tile_loader<T> const loader(in, pitch);
  loader.start(first_row, first_column, rows, columns, tile);
  __pipeline_wait_prior(0);
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < 128 * chunks; i += 256) {
    out[i] = tile[kernels::chunk_place<T>(i / chunks, i % chunks)];
  }
}

/// How many chunks are not what the matrix has there, or not left alone beyond the edge. Values are words that count.
template <class T>
int wrong_chunks(int first_row, int first_column, int rows, int columns) {
  constexpr int chunks = kernels::chunks_per_row<T>, each = 128 / chunks,
                per_word = 4 / static_cast<int>(sizeof(T));
  std::vector<std::uint32_t> values(static_cast<std::size_t>(256 * pitch / per_word));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint32_t>(i + 100);
  fixture::device_vector<std::uint32_t> const in(values.begin(), values.end());
  fixture::device_vector<uint4> out(128 * std::size_t{chunks});
  constexpr int bytes = 128 * chunks * 16;
  CHECK(cudaFuncSetAttribute(load<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes) ==
        cudaSuccess);
  load<T><<<1, 256, bytes>>>(reinterpret_cast<T const*>(in.data()), first_row, first_column, rows,
                             columns, out.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const found = fixture::copied(out);
  int wrong = 0;
  for (int i = 0; i < 128 * chunks; ++i) {
    int const row = i / chunks, column = i % chunks * each;
    bool const is_inside = row < rows && column < columns;
    auto const first = static_cast<std::uint32_t>(
        ((first_row + row) * pitch + first_column + column) / per_word + 100);
    uint4 const got = found[static_cast<std::size_t>(i)];
    wrong += is_inside ? got.x != first || got.y != first + 1 || got.z != first + 2 || got.w != first + 3
                       : got.x != 7 || got.y != 7 || got.z != 7 || got.w != 7;
  }
  return wrong;
}

__global__ void nothing(int) {}

}  // namespace

TEST_CASE("a tile, whole or cut off, comes to be where chunks of its rows are looked for") {
  if (!fixture::has_device()) return;
  struct part {
    int row, column, rows, columns;
  };
  // Columns of a strip: those of the tiles on the right count, too.
  for (part const p : {part{0, 0, 128, 128}, part{0, 0, 16, 128}, part{0, 0, 128, 48},
                       part{0, 0, 80, 16}, part{128, 128, 128, 160}, part{112, 16, 128, 256},
                       part{128, 144, 112, 144}}) {
    CHECK(wrong_chunks<nibble::bf16>(p.row, p.column, p.rows, p.columns) == 0);
    CHECK(wrong_chunks<float>(p.row, p.column, p.rows, p.columns) == 0);
  }
}

TEST_CASE("a launch on more shared memory than a multiprocessor has is a status") {
  if (!fixture::has_device()) return;
  CHECK(kernels::launch_with<64>(nothing, 1, cudaStream_t{}, 0) == nibble::device::status::success);
  CHECK(kernels::launch_with<100 * 1024 * 1024>(nothing, 1, cudaStream_t{}, 0) ==
        nibble::device::status::launch_failed);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(cudaGetLastError() != cudaSuccess);  // CUDA notes the refusal, which is not sticky
}
