// SPDX-License-Identifier: Apache-2.0
// The atom on a device against the model: bit for bit where it is emulated, and on any device for
// one-hot operands and for sums that fit 24 bits.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include <nibble/mma/multiply_add.cuh>

#include "mma/warp_operands.hpp"
#include "support/device_memory.cuh"

namespace {

using namespace nibble;
using fixture::warp_fragments;
using fixture::warp_matrices;

/// One warp, one product.
template <class Block, class Select>
__global__ void multiply(warp_fragments* warps, bool* is_emulated) {
  int const lane = static_cast<int>(threadIdx.x);
  warp_fragments& mine = warps[blockIdx.x];
  mma::multiply_add<Block, Select>(mine.d[lane], mine.a[lane], mine.b[lane]);
  *is_emulated = NIBBLE_HAS_MMA_BLOCK_SCALE == 0;
}

struct outcome {
  std::vector<warp_fragments> got, expected;
  bool is_emulated;
};

template <class Block, class Select = mma::selector<>>
outcome run(std::vector<warp_matrices> const& cases) {
  outcome result;
  for (auto const& m : cases) result.got.push_back(fixture::fragments_of(m, Select::lane_a, Select::lane_b));
  result.expected = result.got;
  for (auto& warp : result.expected) mma::model<Block, Select>(warp.d, warp.a, warp.b);
  thrust::device_vector<warp_fragments> warps(result.got.begin(), result.got.end());
  thrust::device_vector<bool> is_emulated(1);
  multiply<Block, Select><<<static_cast<unsigned>(cases.size()), 32>>>(
      thrust::raw_pointer_cast(warps.data()), thrust::raw_pointer_cast(is_emulated.data()));
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  result.got = fixture::copied(warps);
  result.is_emulated = is_emulated[0];
  return result;
}

/// Sums that differ in their bits, any NaN being equal to any other.
int differences(outcome const& o) {
  int count = 0;
  for (std::size_t i = 0; i < o.got.size(); ++i) {
    for (int lane = 0; lane < 32; ++lane) {
      for (int value = 0; value < 4; ++value) {
        float const got = o.got[i].d[lane].values[value], need = o.expected[i].d[lane].values[value];
        count += !(std::isnan(got) && std::isnan(need)) && std::memcmp(&got, &need, 4) != 0;
      }
    }
  }
  return count;
}

/// Sums farther than 2^-19 of the terms' magnitudes from the model's: twice the bound stated for the
/// emulation, four bits of room for the instruction's own order.
template <class Block>
int far_off(std::vector<warp_matrices> const& cases, outcome const& o) {
  int count = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    auto of_magnitudes = cases[i];
    for (auto& row : of_magnitudes.a) for (auto& code : row) code &= 7u;
    for (auto& row : of_magnitudes.b) for (auto& code : row) code &= 7u;
    for (auto& row : of_magnitudes.d) for (auto& value : row) value = std::fabs(value);
    auto bound = fixture::fragments_of(of_magnitudes);
    mma::model<Block>(bound.d, bound.a, bound.b);
    for (int lane = 0; lane < 32; ++lane) {
      for (int value = 0; value < 4; ++value) {
        double const error = static_cast<double>(o.got[i].d[lane].values[value]) -
                             static_cast<double>(o.expected[i].d[lane].values[value]);
        count += !(std::abs(error) <= 0x1p-19 * static_cast<double>(bound.d[lane].values[value]));
      }
    }
  }
  return count;
}

void fill_scales(warp_matrices& m, std::uint8_t byte) {
  std::memset(m.scale_a, byte, sizeof(m.scale_a));
  std::memset(m.scale_b, byte, sizeof(m.scale_b));
}

}  // namespace

TEST_CASE("one code against one code, for every row, k and column") {
  if (!fixture::has_device()) return;
  std::vector<warp_matrices> nv, mx;
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < 64; ++k) {
      for (int column = 0; column < 8; ++column) {
        warp_matrices m;
        m.a[row][k] = 7;
        m.b[column][k] = 0xD;  // 6 times -3
        fill_scales(m, 0x38);
        nv.push_back(m);
        fill_scales(m, 127);
        mx.push_back(m);
      }
    }
  }
  CHECK(differences(run<nvfp4_block>(nv)) == 0);
  CHECK(differences(run<mxfp4_block>(mx)) == 0);
}

TEST_CASE("one scale unlike the others, in every row and column and for every block") {
  if (!fixture::has_device()) return;
  std::vector<warp_matrices> nv, mx;
  for (int outer = 0; outer < 24; ++outer) {
    for (int byte = 0; byte < 4; ++byte) {
      warp_matrices m;
      std::memset(m.a, 2, sizeof(m.a));
      std::memset(m.b, 3, sizeof(m.b));
      fill_scales(m, 0x38);
      (outer < 16 ? m.scale_a[outer] : m.scale_b[outer - 16])[byte] = 0x43;
      nv.push_back(m);
      fill_scales(m, 127);
      (outer < 16 ? m.scale_a[outer] : m.scale_b[outer - 16])[byte] = 131;
      mx.push_back(m);
    }
  }
  CHECK(differences(run<nvfp4_block>(nv)) == 0);
  CHECK(differences(run<nvfp4_block, mma::selector<1, 0>>(nv)) == 0);
  CHECK(differences(run<nvfp4_block, mma::selector<0, 1>>(nv)) == 0);
  CHECK(differences(run<nvfp4_block, mma::selector<1, 2>>(nv)) == 0);
  CHECK(differences(run<nvfp4_block, mma::selector<0, 3>>(nv)) == 0);
  CHECK(differences(run<mxfp4_block>(mx)) == 0);
  CHECK(differences(run<mxfp4_block, mma::selector<1, 2, 2, 0>>(mx)) == 0);
  CHECK(differences(run<mxfp4_block, mma::selector<0, 3, 0, 2>>(mx)) == 0);
}

TEST_CASE("sums that fit 24 bits are the model's") {
  if (!fixture::has_device()) return;
  std::vector<warp_matrices> nv, mx;
  for (std::uint64_t seed = 0; seed < 256; ++seed) {
    nv.push_back(fixture::random_matrices(seed, 0x38, 0x40));
    mx.push_back(fixture::random_matrices(seed, 125, 128));
    for (auto& row : nv.back().d) for (auto& value : row) value = static_cast<float>(seed);
  }
  CHECK(differences(run<nvfp4_block>(nv)) == 0);
  CHECK(differences(run<mxfp4_block>(mx)) == 0);
}

TEST_CASE("any scales and any accumulator: the emulation is the model, the instruction is near it") {
  if (!fixture::has_device()) return;
  std::vector<warp_matrices> nv, mx;
  for (std::uint64_t seed = 0; seed < 512; ++seed) {
    nv.push_back(fixture::random_matrices(seed, 0, 0x7E));
    mx.push_back(fixture::random_matrices(seed, 90, 160));
    oracle::bit_source random(seed);
    for (auto& row : nv.back().d) {
      for (auto& value : row) {
        value = std::ldexp(static_cast<float>(random.below(1u << 24)) - 0x1p23f, static_cast<int>(random.below(40)) - 40);
      }
    }
  }
  auto const of_nv = run<nvfp4_block>(nv);
  auto const of_mx = run<mxfp4_block>(mx);
  CHECK(far_off<nvfp4_block>(nv, of_nv) == 0);
  CHECK(far_off<mxfp4_block>(mx, of_mx) == 0);
  if (!of_nv.is_emulated) return;
  CHECK(differences(of_nv) == 0);
  CHECK(differences(of_mx) == 0);
}

TEST_CASE("extremes: every E8M0 scale, NaN scales, infinite and NaN accumulators") {
  if (!fixture::has_device()) return;
  std::vector<warp_matrices> nv, mx;
  for (std::uint64_t seed = 0; seed < 256; ++seed) {
    nv.push_back(fixture::random_matrices(seed, 0x70, 0x7F));
    mx.push_back(fixture::random_matrices(seed, 0, 255));
    for (int row = 0; row < 16; ++row) {
      nv.back().d[row][row % 8] = row % 3 == 0 ? INFINITY : row % 3 == 1 ? -3e38f : NAN;
      mx.back().d[row][row % 8] = row % 3 == 0 ? 0x1p-149f : row % 3 == 1 ? -3e38f : INFINITY;
    }
  }
  auto const of_nv = run<nvfp4_block>(nv);
  auto const of_mx = run<mxfp4_block>(mx);
  if (!of_nv.is_emulated) return;
  CHECK(differences(of_nv) == 0);
  CHECK(differences(of_mx) == 0);
}
