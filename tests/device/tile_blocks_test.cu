// SPDX-License-Identifier: Apache-2.0
// The amaxes of the square tiles of a tile in shared memory; its blocks are tested with both directions.
#include <doctest/doctest.h>

#include <nibble/bf16.hpp>
#include <nibble/device/tile_blocks.cuh>

#include "support/device_memory.cuh"
#include "support/matrices.hpp"

namespace {

namespace detail = nibble::device::detail;
using nibble::bf16;

__global__ void amaxes(bf16 const* values, float* largest, float* amax) {
  __shared__ uint4 tile[128 * 16];
  __shared__ float with_nan[64], without[64];
  auto const* const chunks = reinterpret_cast<uint4 const*>(values);
  for (int i = static_cast<int>(threadIdx.x); i < 128 * 16; i += static_cast<int>(blockDim.x)) {
    tile[detail::chunk_place<bf16>(i / 16, i % 16)] = chunks[i];
  }
  __syncthreads();
  detail::find_tile_amaxes<bf16>(tile, with_nan, without);
  __syncthreads();
  if (threadIdx.x < 64) {
    largest[threadIdx.x] = with_nan[threadIdx.x];
    amax[threadIdx.x] = without[threadIdx.x];
  }
}

}  // namespace

TEST_CASE("each square tile finds its largest magnitude, with NaN and without") {
  if (!fixture::has_device()) return;
  auto values = fixture::filled<bf16>(128, 128, 31);
  values(20, 40) = bf16::from_bits(0xFFC0);  // tile row 1, column 2
  fixture::device_vector<bf16> const in(values.values.begin(), values.values.begin() + 128 * 128);
  fixture::device_vector<float> largest(64), amax(64);
  amaxes<<<1, 256>>>(in.data(), largest.data(), amax.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  for (int tile = 0; tile < 64; ++tile) {
    float expected = 0;
    for (int i = 0; i < 16; ++i) {
      for (int j = 0; j < 16; ++j) {
        float const magnitude = nibble::detail::magnitude(
            static_cast<float>(values(tile / 8 * 16 + i, tile % 8 * 16 + j)));
        if (magnitude > expected) expected = magnitude;
      }
    }
    CHECK(amax[static_cast<std::size_t>(tile)] == expected);
    float const with_nan = largest[static_cast<std::size_t>(tile)];
    CHECK((with_nan != with_nan) == (tile == 10));
    if (tile != 10) CHECK(with_nan == expected);
  }
}
