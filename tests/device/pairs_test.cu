// SPDX-License-Identifier: Apache-2.0
// Which quantizers take pairs of bf16; the largest magnitude and the signs of pairs.
#include <doctest/doctest.h>

#include <nibble/device/pairs.cuh>
#include <nibble/nibble.hpp>

#include "support/device_memory.cuh"
#include "support/pair_policies.hpp"

namespace {

using namespace nibble;
using namespace fixture::pair_policies;

static_assert(device::detail::takes_pairs<quantizer<>> &&
              device::detail::takes_pairs<made_of<bytes, random_hadamard>> &&
              !device::detail::takes_pairs<made_of<nearest_even, transform::random_hadamard<16>>> &&
              !device::detail::takes_pairs<made_of<rounding::stochastic<16>, hadamard>> &&
              !device::detail::takes_pairs<quantizer<nvfp4_block, scaling::four_over_six<>>>);

__global__ void inspect(std::uint32_t const* pairs, float* amax, std::uint32_t* signs) {
  std::uint32_t copy[8];
  for (int i = 0; i < 8; ++i) copy[i] = pairs[i];
  *amax = device::detail::amax_of_pairs(copy);
  signs[0] = device::detail::signs_of_pairs(copy);
  signs[1] = device::detail::signs_of_pairs(copy + 4);
}

}  // namespace

// bugs: A10
TEST_CASE("the largest magnitude of pairs keeps NaN, and signs land in their nibbles") {
  if (!fixture::has_device()) return;
  std::vector<std::uint32_t> pairs(8, 0x3F80'0000u);  // elements 0.0 and 1.0
  pairs[2] = 0x3F80'C0A0u;                            // -5.0, 1.0
  pairs[5] = 0xC040'0000u;                            // 0.0, -3.0
  fixture::device_vector<float> amax(1);
  fixture::device_vector<std::uint32_t> signs(2);
  auto const run = [&] {
    fixture::device_vector<std::uint32_t> const in(pairs.begin(), pairs.end());
    inspect<<<1, 1>>>(in.data(), amax.data(), signs.data());
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    return static_cast<float>(amax[0]);
  };
  CHECK(run() == 5.0f);
  CHECK(signs[0] == 0x0008'0000u);  // element 4
  CHECK(signs[1] == 0x0000'8000u);  // element 11
  pairs[7] = 0x0000'FFC0u;
  float const with_nan = run();
  CHECK(with_nan != with_nan);
}
