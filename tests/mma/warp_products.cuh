// SPDX-License-Identifier: Apache-2.0
// Products of warps on a device beside the model's, for any atom.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include <nibble/arch/features.hpp>

#include "mma/warp_operands.hpp"
#include "support/device_memory.cuh"

namespace fixture {

/// One warp, one product.
template <class Atom>
__global__ void multiply(warp_fragments* warps, bool* is_emulated) {
  int const lane = static_cast<int>(threadIdx.x);
  warp_fragments& mine = warps[blockIdx.x];
  Atom::multiply_add(mine.d[lane], mine.a[lane], mine.b[lane]);
  *is_emulated = NIBBLE_HAS_MMA_BLOCK_SCALE == 0;
}

struct outcome {
  std::vector<warp_fragments> got, expected;
  bool is_emulated;
};

/// Atom has a `selector`, the device's `multiply_add` of one lane and the `model` of a warp.
template <class Atom, class Matrices>
outcome products(std::vector<Matrices> const& cases) {
  outcome result;
  using select = typename Atom::selector;
  for (auto const& m : cases) result.got.push_back(fragments_of(m, select::lane_a, select::lane_b));
  result.expected = result.got;
  for (auto& warp : result.expected) Atom::model(warp);
  fixture::device_vector<warp_fragments> warps(result.got.begin(), result.got.end());
  fixture::device_vector<bool> is_emulated(1);
  multiply<Atom><<<static_cast<unsigned>(cases.size()), 32>>>(warps.data(), is_emulated.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  result.got = copied(warps);
  result.is_emulated = is_emulated[0];
  return result;
}

/// Calls visit(case, lane, value) for every sum.
template <class Visit>
void for_each_sum(outcome const& o, Visit const& visit) {
  for (std::size_t i = 0; i < o.got.size(); ++i) {
    for (int lane = 0; lane < 32; ++lane) {
      for (int value = 0; value < 4; ++value) visit(i, lane, value);
    }
  }
}

/// Sums that differ in their bits, any NaN being equal to any other.
inline int differences(outcome const& o) {
  int count = 0;
  for_each_sum(o, [&](std::size_t i, int lane, int value) {
    float const got = o.got[i].d[lane].values[value], need = o.expected[i].d[lane].values[value];
    count += !(std::isnan(got) && std::isnan(need)) && std::memcmp(&got, &need, 4) != 0;
  });
  return count;
}

/// Sums farther than 2^-19 of the terms' magnitudes from the model's: twice the bound stated for the
/// emulation, four bits of room for the instruction's own order. `mask_a` and `mask_b` take the signs
/// from codes.
template <class Atom, class Matrices>
int far_off(std::vector<Matrices> const& cases, outcome const& o, std::uint8_t mask_a,
            std::uint8_t mask_b) {
  std::vector<warp_fragments> bounds;
  for (Matrices magnitudes : cases) {
    for (auto& row : magnitudes.a) for (auto& code : row) code &= mask_a;
    for (auto& row : magnitudes.b) for (auto& code : row) code &= mask_b;
    for (auto& row : magnitudes.d) for (auto& value : row) value = std::fabs(value);
    bounds.push_back(fragments_of(magnitudes));
    Atom::model(bounds.back());
  }
  int count = 0;
  for_each_sum(o, [&](std::size_t i, int lane, int value) {
    double const error = static_cast<double>(o.got[i].d[lane].values[value]) -
                         static_cast<double>(o.expected[i].d[lane].values[value]);
    count += !(std::abs(error) <= 0x1p-19 * static_cast<double>(bounds[i].d[lane].values[value]));
  });
  return count;
}

}  // namespace fixture
