// SPDX-License-Identifier: Apache-2.0
// A block's tile over several steps of staged operands: every element exactly, and each step's work
// called once.
#include <doctest/doctest.h>

#include <nibble/block.hpp>
#include <nibble/mma/block_tile.cuh>

#include <vector>

#include "oracle/blocks.hpp"
#include "support/device_memory.cuh"

namespace {

using namespace nibble;
using tile = mma::block_tile;

constexpr int depth = 192;

/// Codes and scales of `rows` rows of `depth` elements.
struct operand {
  std::vector<std::uint8_t> codes, scales;
  explicit operand(int rows, std::uint64_t seed) : codes(static_cast<std::size_t>(rows * depth)), scales(static_cast<std::size_t>(rows * depth / 16)) {
    oracle::bit_source random(seed);
    for (auto& code : codes) code = static_cast<std::uint8_t>(random.below(16));
    for (auto& scale : scales) scale = static_cast<std::uint8_t>(0x38 + random.below(9));
  }
  double value(int row, int k) const {
    auto const at = static_cast<std::size_t>(row * depth + k);
    return static_cast<double>(static_cast<float>(fp4_e2m1::from_bits(codes[at]))) *
           static_cast<double>(static_cast<float>(fp8_e4m3::from_bits(scales[at / 16])));
  }
};

template <int Rows>
__device__ void put(mma::stage<Rows>& to, std::uint8_t const* codes, std::uint8_t const* scales, int k) {
  for (int i = static_cast<int>(threadIdx.x); i < 2 * Rows; i += tile::threads) {
    int const row = i / 2, half = i % 2, first = row * depth + k + 32 * half;
    std::uint32_t words[4] = {};
    for (int j = 0; j < 32; ++j) words[j / 8] |= std::uint32_t{codes[first + j]} << (j % 8 * 4);
    auto const two = static_cast<std::uint16_t>(scales[first / 16] | scales[first / 16 + 1] << 8);
    to.put(row, half, make_uint4(words[0], words[1], words[2], words[3]), two);
  }
}

__global__ void __launch_bounds__(tile::threads, 1)
    multiply(std::uint8_t const* a, std::uint8_t const* scale_a, std::uint8_t const* b, std::uint8_t const* scale_b,
             float* d, int* steps) {
  extern __shared__ __align__(1024) uint4 memory[];
  auto& of_a = *reinterpret_cast<mma::stage<tile::rows>*>(memory);
  auto& of_b = *reinterpret_cast<mma::stage<tile::columns>*>(memory + sizeof(of_a) / sizeof(uint4));
  tile sums;
  int seen = 0;
  for (int k = 0; k < depth; k += 64) {
    put(of_a, a, scale_a, k);
    put(of_b, b, scale_b, k);
    mma::publish_stages();
    sums.multiply_add(of_a, of_b, [&](int step) { seen = seen * 4 + step; });
    __syncthreads();
  }
  for (int f = 0; f < tile::fragments; ++f) {
    for (int i = 0; i < 4; ++i) {
      auto const at = sums.element(f, i);
      d[at.row * tile::columns + at.column] = sums.value(f, i);
    }
  }
  if (threadIdx.x == 0) *steps = seen;
}

}  // namespace

TEST_CASE("every element of a block's tile is the exact sum, over three steps") {
  if (!fixture::has_device()) return;
  operand const a(tile::rows, 1), b(tile::columns, 2);
  fixture::device_vector<std::uint8_t> const codes_a(a.codes.begin(), a.codes.end()),
      codes_b(b.codes.begin(), b.codes.end());
  fixture::device_vector<std::uint8_t> const scales_a(a.scales.begin(), a.scales.end()),
      scales_b(b.scales.begin(), b.scales.end());
  fixture::device_vector<float> d(tile::rows * tile::columns, -1.0f);
  fixture::device_vector<int> steps(1);
  constexpr auto memory = sizeof(mma::stage<tile::rows>) + sizeof(mma::stage<tile::columns>);
  REQUIRE(cudaFuncSetAttribute(multiply, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(memory)) == cudaSuccess);
  multiply<<<1, tile::threads, memory>>>(codes_a.data(), scales_a.data(), codes_b.data(),
                                         scales_b.data(), d.data(), steps.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got = fixture::copied(d);
  int wrong = 0;
  for (int row = 0; row < tile::rows; ++row) {
    for (int column = 0; column < tile::columns; ++column) {
      double sum = 0;
      for (int k = 0; k < depth; ++k) sum += a.value(row, k) * b.value(column, k);
      wrong += static_cast<double>(got[static_cast<std::size_t>(row * tile::columns + column)]) != sum;
    }
  }
  CHECK(wrong == 0);
  CHECK(steps[0] == 0b00'01'10'11'00'01'10'11'00'01'10'11);
}
