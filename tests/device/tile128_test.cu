// SPDX-License-Identifier: Apache-2.0
// Where a tile's chunks lie in shared memory: each in a place of its own, and no two that a warp reads
// together in the same banks.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include <nibble/bf16.hpp>
#include <nibble/device/tile128.cuh>

#include "support/device_memory.cuh"

namespace {

template <class T>
__global__ void places(int* out, int chunks) {
  for (int i = static_cast<int>(threadIdx.x); i < 128 * chunks; i += static_cast<int>(blockDim.x)) {
    out[i] = nibble::device::detail::chunk_place<T>(i / chunks, i % chunks);
  }
}

template <class T>
std::vector<int> all_places() {
  constexpr int chunks = 128 * static_cast<int>(sizeof(T)) / 16;
  fixture::device_vector<int> out(128 * chunks);
  places<T><<<1, 256>>>(out.data(), chunks);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return fixture::copied(out);
}

template <class T>
void check_places() {
  constexpr int chunks = 128 * static_cast<int>(sizeof(T)) / 16;
  auto const place = all_places<T>();
  auto const at = [&](int row, int chunk) {
    return place[static_cast<std::size_t>(row * chunks + chunk)];
  };
  auto sorted = place;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) REQUIRE(sorted[i] == static_cast<int>(i));
  for (int row = 0; row < 128; ++row) {
    // Eight lanes read 16 bytes each of the blocks of a row, or write what lies side by side: all 32 banks.
    for (int i = 0; i < chunks / 8; ++i) {
      std::set<int> read, written;
      for (int b = 0; b < 8; ++b) {
        read.insert(at(row, b * chunks / 8 + i) % 8);
        written.insert(at(row, 8 * i + b) % 8);
        CHECK(at(row, b * chunks / 8 + i) == (at(row, b * chunks / 8) ^ i));
      }
      CHECK((read.size() == 8 && written.size() == 8));
    }
  }
  for (int k = 0; k < 16; ++k) {  // 32 lanes read a word each, of a chunk in 8 rows
    for (int chunk = 0; chunk < chunks; ++chunk) {
      std::set<int> groups;
      for (int block = 0; block < 8; ++block) groups.insert(at(block * 16 + k, chunk) % 8);
      CHECK(groups.size() == 8);
    }
  }
}

}  // namespace

TEST_CASE("chunks have places of their own, and those read together are in different banks") {
  if (!fixture::has_device()) return;
  check_places<nibble::bf16>();
  check_places<float>();
}
