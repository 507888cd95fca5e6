// SPDX-License-Identifier: Apache-2.0
// Every bf16 magnitude under many factors: its code by thresholds is the one that rounding its product
// makes.
#include <doctest/doctest.h>

#include <cmath>

#include <nibble/device/thresholds.cuh>
#include <nibble/nibble.hpp>

#include "oracle/blocks.hpp"
#include "support/device_memory.cuh"

namespace {

namespace detail = nibble::device::detail;
using nibble::detail::float_bits, nibble::detail::float_from_bits;

struct findings {
  unsigned long long wrong_codes, wrong_limits, compared;
};

__device__ std::uint32_t code_of(std::uint32_t bits, float factor) {
  float const product = nibble::arch::multiply(float_from_bits(bits << 16), factor);
  return nibble::rounding::nearest_even::template round<nibble::fp4_e2m1>(product).bits();
}

// A block a factor, once as the largest there is and once 2^18 below that; a thread two magnitudes at a time.
__global__ void compare(float const* factors, findings* found) {
  __shared__ detail::thresholds from;
  __shared__ std::uint32_t limit;
  float const factor = factors[blockIdx.x];
  std::uint32_t const floor =
      detail::floor_for(blockIdx.y == 0 ? factor : nibble::arch::multiply(factor, 0x1p18f));
  if (threadIdx.x == 0) detail::find_thresholds(factor, floor, from, limit);
  __syncthreads();
  unsigned wrong_codes = 0, wrong_limits = 0, compared = 0;
  for (std::uint32_t bits = 2 * threadIdx.x; bits < 0x8000; bits += 2 * blockDim.x) {
    std::uint32_t const pair = (bits | (bits + 1) << 16) ^ (bits % 4 == 0 ? 0x8000u : 0x8000'0000u);
    std::uint32_t const m = nibble::arch::ptx::add_rn_abs_f16x2(floor * 0x0001'0001u, pair);
    std::uint32_t const codes = detail::codes_of_two_pairs(from, m, m >> 16 | m << 16);
    for (std::uint32_t i = 0; i < 2; ++i) {
      bool const is_below = (bits + i) << 16 < limit;
      float const product = nibble::arch::multiply(float_from_bits((bits + i) << 16), factor);
      bool const should_be = detail::is_thresholded(factor) ? product < 7 && bits + i < 0x7C00
                                                            : bits + i == 0;
      wrong_limits += is_below != should_be;
      if (!is_below) continue;
      ++compared;
      std::uint32_t const expected = code_of(bits + i, factor);
      wrong_codes += (codes >> (i == 0 ? 0 : 16) & 0xFFu) != expected ||
                     (codes >> (i == 0 ? 24 : 8) & 0xFFu) != expected;
    }
  }
  atomicAdd(&found->wrong_codes, wrong_codes);
  atomicAdd(&found->wrong_limits, wrong_limits);
  atomicAdd(&found->compared, compared);
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
  if (!fixture::is_brief()) return result;
  std::vector<float> few;
  for (std::size_t i = 0; i < result.size(); i += 397) few.push_back(result[i]);
  return few;
}

}  // namespace

TEST_CASE(
    "a code is the number of thresholds that a magnitude has passed, for every bf16 magnitude") {
  if (!fixture::has_device()) return;
  auto const all = factors();
  fixture::device_vector<float> const in(all.begin(), all.end());
  fixture::device_vector<findings> found(1, findings{});
  compare<<<dim3(static_cast<unsigned>(all.size()), 2), 256>>>(in.data(), found.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  findings const result = found[0];
  CHECK(result.wrong_codes == 0);
  CHECK(result.wrong_limits == 0);
  CHECK(result.compared > all.size() * 0x4000);
}
