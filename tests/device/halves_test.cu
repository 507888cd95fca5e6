// SPDX-License-Identifier: Apache-2.0
// Every bf16 magnitude under many factors: its code by halves is the one that rounding its product makes.
#include <doctest/doctest.h>

#include <cmath>

#include <nibble/device/halves.cuh>
#include <nibble/nibble.hpp>

#include "oracle/blocks.hpp"
#include "support/device_memory.cuh"

namespace {

namespace detail = nibble::device::detail;
using nibble::detail::float_bits, nibble::detail::float_from_bits;

struct findings {
  unsigned long long wrong_codes, wrong_limits, compared, unserved;
};

__device__ std::uint32_t code_of(std::uint32_t bits, float factor) {
  float const product = nibble::arch::multiply(float_from_bits(bits << 16), factor);
  return nibble::rounding::nearest_even::template round<nibble::fp4_e2m1>(product).bits();
}

// A block a factor, which is `share` of the largest that the lift is for; a thread two magnitudes at a
// time, in either half.
__global__ void compare(float const* factors, float share, findings* found) {
  __shared__ std::uint32_t multiplier, offset, limit, lift;
  float const factor = factors[blockIdx.x];
  if (threadIdx.x == 0) {
    lift = detail::lift_for(nibble::arch::multiply(factor, share));
    detail::find_half_steps(factor, lift, multiplier, offset, limit);
    // As the table keeps it.
    detail::half_entry const entry{multiplier | (limit - 1) << 16, offset * 0x0001'0001u};
    for (std::uint32_t bits : {limit - 1, limit}) {
      atomicAdd(&found->wrong_limits, entry.is_above(float_from_bits(bits << 16)) != (bits < limit));
    }
  }
  __syncthreads();
  detail::half_steps const steps{multiplier * 0x0001'0001u, offset * 0x0001'0001u, lift};
  bool const is_served = limit > 1;
  unsigned wrong_codes = 0, wrong_limits = 0, compared = 0;
  for (std::uint32_t bits = 2 * threadIdx.x; bits < 0x8000; bits += 2 * blockDim.x) {
    std::uint32_t const pair = bits | (bits + 1) << 16;
    std::uint32_t const codes = detail::codes_of_pair(steps, pair) - detail::half_base,
                        turned = detail::codes_of_pair(steps, pair >> 16 | pair << 16) -
                                 detail::half_base;
    for (std::uint32_t i = 0; i < 2; ++i) {
      bool const is_below = bits + i < limit;
      float const product = nibble::arch::multiply(float_from_bits((bits + i) << 16), factor);
      wrong_limits += is_below != (is_served ? product < 7 : bits + i == 0);
      if (!is_below) continue;
      compared += is_served;
      std::uint32_t const expected = code_of(bits + i, factor);
      wrong_codes += (codes >> (16 * i) & 0xFFFFu) != expected ||
                     (turned >> (16 - 16 * i) & 0xFFFFu) != expected;
    }
  }
  atomicAdd(&found->wrong_codes, wrong_codes);
  atomicAdd(&found->wrong_limits, wrong_limits);
  atomicAdd(&found->compared, compared);
  if (threadIdx.x == 0) atomicAdd(&found->unserved, !is_served);
}

/// Factors of which products are ties, or all but: reciprocals of small numbers and their neighbours,
/// powers of two up to the ends of the range and beyond, and any.
std::vector<float> factors() {
  std::vector<float> result{0x1.FFFFFEp127f, 0x1p120f,         0x1.FFFFFEp119f,
                            0x1p-120f,       0x1.FFFFFEp-121f, 0x1p-149f};
  for (int exponent = -120; exponent < 120; exponent += 5) {
    for (std::uint32_t divisor = 1; divisor < 256; divisor += 2) {
      float const quotient = std::ldexp(1.0f, exponent) / static_cast<float>(divisor);
      for (std::uint32_t step : {0xFFFF'FFFFu, 0u, 1u}) {
        result.push_back(float_from_bits(float_bits(quotient) + step));
      }
    }
  }
  oracle::bit_source random(41);
  for (int i = 0; i < 20000; ++i) {
    auto const bits = random.below(0x7F80) << 16 | random.below(0x10000);
    result.push_back(float_from_bits(bits == 0 ? 1 : bits));
  }
  return result;
}

findings compared_under(std::vector<float> const& factors, float share) {
  fixture::device_vector<float> const in(factors.begin(), factors.end());
  fixture::device_vector<findings> found(1, findings{});
  compare<<<static_cast<unsigned>(factors.size()), 256>>>(in.data(), share, found.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return found[0];
}

}  // namespace

TEST_CASE("halves make the code that rounding the product makes, for every bf16 magnitude") {
  if (!fixture::has_device()) return;
  auto const all = factors();
  // The largest scale's factor, one between, and that of a scale 2^18 below it.
  for (float const share : {1.0f, 0x1p-9f, 0x1p-18f}) {
    CAPTURE(share);
    findings const result = compared_under(all, share);
    CHECK(result.wrong_codes == 0);
    CHECK(result.wrong_limits == 0);
    CHECK(result.compared > all.size() * 0x1000);
  }
}

TEST_CASE("all factors but one in many thousands are served") {
  if (!fixture::has_device()) return;
  oracle::bit_source random(42);
  std::vector<float> usual;
  for (int i = 0; i < 100000; ++i) {
    // From 2^-10 to 2^30.
    usual.push_back(float_from_bits((117 + random.below(40)) << 23 | random.below(0x80'0000)));
  }
  CHECK(compared_under(usual, 0x1p-9f).unserved < 10);
}
