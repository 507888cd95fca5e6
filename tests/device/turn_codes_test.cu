// SPDX-License-Identifier: Apache-2.0
// Nibbles turned; whole tiles of codes are tested with both directions.
#include <doctest/doctest.h>

#include <nibble/device/turn_codes.cuh>

#include "oracle/blocks.hpp"
#include "support/device_memory.cuh"

namespace {

__global__ void turn(std::uint32_t const* in, std::uint32_t* out) {
  std::uint32_t words[8];
  for (int i = 0; i < 8; ++i) words[i] = in[8 * threadIdx.x + static_cast<unsigned>(i)];
  nibble::device::detail::turn_nibbles(words);
  for (int i = 0; i < 8; ++i) out[8 * threadIdx.x + static_cast<unsigned>(i)] = words[i];
}

}  // namespace

TEST_CASE("nibble j of word i comes to be nibble i of word j") {
  if (!fixture::has_device()) return;
  oracle::bit_source random(3);
  std::vector<std::uint32_t> words(8 * 64);
  for (auto& word : words) word = random.below(0x10000) << 16 | random.below(0x10000);
  fixture::device_vector<std::uint32_t> const in(words.begin(), words.end());
  fixture::device_vector<std::uint32_t> out(words.size());
  turn<<<1, 64>>>(in.data(), out.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got = fixture::copied(out);
  int differences = 0;
  for (std::size_t first = 0; first < words.size(); first += 8) {
    for (std::size_t i = 0; i < 8; ++i) {
      for (std::size_t j = 0; j < 8; ++j) {
        differences += (got[first + j] >> (4 * i) & 15u) != (words[first + i] >> (4 * j) & 15u);
      }
    }
  }
  CHECK(differences == 0);
}
