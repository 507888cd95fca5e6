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
  auto const* const chunks = reinterpret_cast<uint4 const*>(values);
  for (int i = static_cast<int>(threadIdx.x); i < 128 * 16; i += static_cast<int>(blockDim.x)) {
    tile[detail::chunk_place<bf16>(i / 16, i % 16)] = chunks[i];
  }
  __syncthreads();
  auto const found = detail::find_square_amax<bf16>(tile);
  largest[threadIdx.x] = found.with_nan;
  amax[threadIdx.x] = found.of_numbers;
}

}  // namespace

TEST_CASE("each square tile finds its largest magnitude, with NaN and without") {
  if (!fixture::has_device()) return;
  auto values = fixture::filled<bf16>(128, 128, 31);
  values(20, 40) = bf16::from_bits(0xFFC0);  // tile row 1, column 2
  fixture::device_vector<bf16> const in(values.values.begin(), values.values.begin() + 128 * 128);
  fixture::device_vector<float> largest(256), amax(256);  // of each thread, four a tile
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
    for (int thread = 4 * tile; thread < 4 * tile + 4; ++thread) {
      CHECK(amax[static_cast<std::size_t>(thread)] == expected);
      float const with_nan = largest[static_cast<std::size_t>(thread)];
      CHECK((with_nan != with_nan) == (tile == 10));
      if (tile != 10) CHECK(with_nan == expected);
    }
  }
}
