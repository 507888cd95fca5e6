// SPDX-License-Identifier: Apache-2.0
// What products in one order rest on: conversions that no flag changes, and which sums fit a float.
#include <doctest/doctest.h>

#include <cmath>

#include <nibble/device/ordered.cuh>
#include <nibble/int4_element.hpp>
#include <nibble/ue5m3.hpp>
#include <nibble/view.hpp>

#include "support/device_memory.cuh"
#include "support/matrices.hpp"

namespace {

using namespace nibble;
namespace parts = device::detail;

template <class Block>
using operand = parts::coded_operand<quantized_view<Block>>;
template <class A, class B = A>
constexpr bool fits = parts::fits_float<operand<A>, operand<B>>();

static_assert(fits<nvfp4_block> && fits<mxfp4_block>);
static_assert(fits<mxfp6_e2m3_block> && fits<mxfp6_e3m2_block>);
static_assert(fits<block<int4_element, fp8_e4m3, 16>>);
static_assert(!fits<fp8_block> && !fits<mxfp8_block> && !fits<mxfp8_e5m2_block>);
static_assert(!fits<if4_block> && !fits<razer_block>);
static_assert(!parts::fits_float<parts::bf16_rows, parts::bf16_rows>());

__global__ void convert(double const* from, float* narrowed, double* widened, int count) {
  for (int i = 0; i < count; ++i) {
    narrowed[i] = parts::to_float(from[i]);
    widened[i] = parts::to_double(narrowed[i]);
  }
}

}  // namespace

TEST_CASE("doubles become floats by one rounding, subnormals, ties, infinity and NaN included, and come back") {
  if (!fixture::has_device()) return;
  std::vector<double> from{0.0, -0.0, 0x1p-149, 0x1p-150, -0x1p-150, 0x1.8p-150, 0x3p-150, 0x1.fffffep-127, 0x1.ffffffp-127,
                           -0x1.ffffffp-127, 0x1p-126, 0x1p-1074, 1e308, -1e308, 0x1.fffffefp127, 0x1.ffffffp127,
                           HUGE_VAL, -HUGE_VAL, 1.0 + 0x1p-24, 1.0 + 0x3p-24};
  oracle::bit_source random(5);
  for (int i = 0; i < 4000; ++i) {
    double const mantissa = 1.0 + random.below(1u << 31) * 0x1p-31;
    from.push_back(std::ldexp(random.below(2) != 0 ? mantissa : -mantissa, static_cast<int>(random.below(40)) - 155));
  }
  fixture::device_vector<double> in(from.begin(), from.end()), widened(from.size());
  fixture::device_vector<float> narrowed(from.size());
  convert<<<1, 1>>>(in.data(), narrowed.data(), widened.data(), static_cast<int>(from.size()));
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const floats = fixture::copied(narrowed);
  auto const doubles = fixture::copied(widened);
  int wrong = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    auto const want = static_cast<float>(from[i]);
    wrong += detail::float_bits(floats[i]) != detail::float_bits(want) ||
             std::bit_cast<std::uint64_t>(doubles[i]) != std::bit_cast<std::uint64_t>(static_cast<double>(want));
  }
  CHECK(wrong == 0);
}
