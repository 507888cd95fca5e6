// SPDX-License-Identifier: Apache-2.0
// A tile on its way to shared memory: each 16 bytes arrive where chunk_place says, those beyond the edge are
// left as they are, and a launch that wants more shared memory than there is, is a status.
#include <doctest/doctest.h>

#include <nibble/bf16.hpp>
#include <nibble/device/tile_load.cuh>

#include "support/device_memory.cuh"

namespace {

namespace kernels = nibble::device::detail;

__global__ void load(nibble::bf16 const* in, int rows, int columns, uint4* out) {
  __shared__ uint4 tile[128 * 16];
  for (int i = static_cast<int>(threadIdx.x); i < 128 * 16; i += 256) tile[i] = uint4{7, 7, 7, 7};
  __syncthreads();
  kernels::tile_loader<nibble::bf16> const loader(in, 256);
  loader.start(0, 0, rows, columns, tile);
  __pipeline_wait_prior(0);
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < 128 * 16; i += 256) {
    out[i] = tile[kernels::chunk_place<nibble::bf16>(i / 16, i % 16)];
  }
}

__global__ void nothing(int) {}

}  // namespace

TEST_CASE("a tile, whole or cut off, comes to be where chunks of its rows are looked for") {
  if (!fixture::has_device()) return;
  std::vector<std::uint16_t> values(128 * 256);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint16_t>(i + 1);
  fixture::device_vector<std::uint16_t> const in(values.begin(), values.end());
  struct part {
    int rows, columns;
  };
  for (part const p : {part{128, 128}, part{16, 128}, part{128, 48}, part{80, 16}}) {
    fixture::device_vector<uint4> out(128 * 16);
    load<<<1, 256>>>(reinterpret_cast<nibble::bf16 const*>(in.data()), p.rows, p.columns,
                     out.data());
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    auto const found = fixture::copied(out);
    int wrong = 0;
    for (int i = 0; i < 128 * 16; ++i) {
      int const row = i / 16, column = i % 16 * 8;
      std::uint32_t const first = static_cast<std::uint32_t>(row * 256 + column + 1) & 0xFFFFu;
      std::uint32_t const second = (first + 1) & 0xFFFFu;
      bool const is_inside = row < p.rows && column < p.columns;
      wrong += found[static_cast<std::size_t>(i)].x != (is_inside ? first | second << 16 : 7u);
    }
    CHECK(wrong == 0);
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
