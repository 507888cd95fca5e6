// SPDX-License-Identifier: Apache-2.0
// The atom on a device against the model: bit for bit where it is emulated, and on any device for
// one-hot operands and for sums that fit 24 bits.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include <nibble/mma/multiply_add.cuh>

#include "mma/warp_products.cuh"

namespace {

using namespace nibble;
using fixture::differences, fixture::fill_scales, fixture::outcome, fixture::warp_matrices;

template <class Block, class Select = mma::selector<>>
struct atom {
  using selector = Select;
  __device__ static void multiply_add(mma::sum_fragment& d, mma::a_fragment const& a, mma::b_fragment const& b) {
    mma::multiply_add<Block, Select>(d, a, b);
  }
  static void model(fixture::warp_fragments& warp) { mma::model<Block, Select>(warp.d, warp.a, warp.b); }
};

template <class Block, class Select = mma::selector<>>
outcome run(std::vector<warp_matrices> const& cases) {
  return fixture::products<atom<Block, Select>>(cases);
}

template <class Block>
int far_off(std::vector<warp_matrices> const& cases, outcome const& o) {
  return fixture::far_off<atom<Block>>(cases, o, 7, 7);
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
