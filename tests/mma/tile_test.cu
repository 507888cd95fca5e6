// SPDX-License-Identifier: Apache-2.0
// A warp's tile over staged operands: every element and every scale exactly, sums that fit 24 bits
// exactly, and the interleaved work called at each step.
#include <doctest/doctest.h>

#include <cstring>

#include <nibble/mma/tile.cuh>

#include "oracle/blocks.hpp"
#include "support/device_memory.cuh"

namespace {

using namespace nibble;

struct operand {
  std::uint8_t codes[48][64];
  std::uint8_t scales[48][4];

  double value(int row, int k) const {
    return static_cast<double>(static_cast<float>(fp4_e2m1::from_bits(codes[row][k]))) *
           static_cast<double>(static_cast<float>(fp8_e4m3::from_bits(scales[row][k / 16])));
  }
};
struct problem {
  operand a, b;
  float d[48][48];
  int steps;
};

/// Rows 16 and on of A and of B, through stages of 48 rows.
__global__ void multiply(problem* p) {
  __shared__ mma::stage<48> a, b;
  int const lane = static_cast<int>(threadIdx.x);
  for (int i = lane; i < 96; i += 32) {
    int const row = i / 2, half = i % 2;
    auto const put = [&](mma::stage<48>& to, operand const& from) {
      std::uint32_t words[4] = {};
      for (int j = 0; j < 32; ++j) words[j / 8] |= std::uint32_t{from.codes[row][32 * half + j]} << (j % 8 * 4);
      auto const two = static_cast<std::uint16_t>(from.scales[row][2 * half] | from.scales[row][2 * half + 1] << 8);
      to.put(row, half, make_uint4(words[0], words[1], words[2], words[3]), two);
    };
    put(a, p->a);
    put(b, p->b);
  }
  __syncthreads();
  mma::warp_tile<2, 4> tile;
  int steps = 0;
  tile.multiply_add(a, 16, b, 16, [&](int step) { steps = steps * 10 + step + 1; });
  for (int m = 0; m < 2; ++m) {
    for (int n = 0; n < 4; ++n) {
      for (int i = 0; i < 4; ++i) {
        auto const at = mma::sum_element(lane, i);
        p->d[16 + 16 * m + at.row][16 + 8 * n + at.column] = tile.value(m, n, i);
      }
    }
  }
  p->steps = steps;
}

problem multiplied(problem const& p) {
  fixture::device_vector<problem> device(1, p);
  multiply<<<1, 32>>>(device.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return device[0];
}

int wrong(problem const& p) {
  problem const result = multiplied(p);
  int count = result.steps != 1234;
  for (int row = 16; row < 48; ++row) {
    for (int column = 16; column < 48; ++column) {
      double sum = 0;
      for (int k = 0; k < 64; ++k) sum += p.a.value(row, k) * p.b.value(column, k);
      count += static_cast<double>(result.d[row][column]) != sum;
    }
  }
  return count;
}

void fill(operand& o, oracle::bit_source& random, unsigned lowest, unsigned highest) {
  for (auto& row : o.codes) for (auto& code : row) code = static_cast<std::uint8_t>(random.below(16));
  for (auto& row : o.scales) {
    for (auto& scale : row) scale = static_cast<std::uint8_t>(lowest + random.below(highest - lowest + 1));
  }
}

}  // namespace

TEST_CASE("sums that fit 24 bits are exact") {
  if (!fixture::has_device()) return;
  for (std::uint64_t seed = 0; seed < 16; ++seed) {
    oracle::bit_source random(seed);
    problem p{};
    fill(p.a, random, 0x38, 0x40);
    fill(p.b, random, 0x38, 0x40);
    CHECK(wrong(p) == 0);
  }
}

TEST_CASE("every scale times every code, one column of k at a time") {
  if (!fixture::has_device()) return;
  for (int round = 0; round < 4; ++round) {
    oracle::bit_source random(static_cast<std::uint64_t>(round));
    problem p{};
    operand& many = round % 2 == 0 ? p.a : p.b;
    operand& one = round % 2 == 0 ? p.b : p.a;
    fill(many, random, 0, 0x7E);
    std::memset(one.scales, 0x38 + round, sizeof(one.scales));
    for (int row = 16; row < 48; ++row) one.codes[row][(row - 16) * 2 + round / 2] = 7;
    CHECK(wrong(p) == 0);
  }
}

TEST_CASE("a NaN scale makes NaN of its row alone") {
  if (!fixture::has_device()) return;
  oracle::bit_source random(9);
  problem p{};
  fill(p.a, random, 0x38, 0x40);
  fill(p.b, random, 0x38, 0x40);
  p.a.scales[20][3] = 0x7F;
  problem const result = multiplied(p);
  for (int row = 16; row < 48; ++row) {
    for (int column = 16; column < 48; ++column) {
      CHECK((result.d[row][column] != result.d[row][column]) == (row == 20));
    }
  }
}
