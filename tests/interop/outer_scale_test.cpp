// SPDX-License-Identifier: Apache-2.0
// Multipliers and divisors: what each library stores, and what goes wrong where one is taken for
// the other.
#include <nibble/interop/outer_scale.hpp>

#include <doctest/doctest.h>

#include <bit>

#include <nibble/nibble.hpp>

#include "support/witness.hpp"

using namespace nibble;
using namespace nibble::interop;

static_assert(tensor_scale::policy<outer_multiplier<>> && tensor_scale::policy<outer_divisor<>>);

TEST_CASE(
    "trap: ModelOpt's and torchao's outer scale is a multiplier, compressed-tensors' its "
    "reciprocal") {
  static_assert(multiplier_of({2688}).value == 1 &&
                divisor_of({2688}).value == 1);  // the one amax that hides it
  static_assert(multiplier_of({5376}).value == 2 && divisor_of({5376}).value == 0.5f);
  auto const multiplier = outer_multiplier<false>::from<fp4_e2m1>({2});
  auto const divisor = outer_divisor<float, false>::from<fp4_e2m1>({2});
  CHECK(outer_multiplier<false>::decode<fp4_e2m1>(3, multiplier) == 6);
  CHECK(outer_divisor<float, false>::decode<fp4_e2m1>(3, divisor) == 1.5f);  // a factor of 4 apart
}

// bugs: C4
TEST_CASE("trap: the reciprocal of one library's stored scale is not always the other's") {
  int differ = 0;
  for (std::uint32_t i = 0; i < 10000; ++i) {
    float const amax = std::bit_cast<float>(0x3F800000u + i * 839u);  // one binade
    differ += divisor_of({amax}).value != 1.0f / multiplier_of({amax}).value;
  }
  CHECK(differ > 1000);  // so files are converted through the amax, or decoded as they are
}

TEST_CASE("trap: an outer scale read from a file need not be amax / 2688 for any amax") {
  // Between the quotients of neighbouring floats just above 1 there are floats that none of them is.
  float const amax = std::bit_cast<float>(0x3F800010u);
  int gaps = 0;
  for (std::uint32_t i = 0; i < 64; ++i) {
    float const below =
        multiplier_of({std::bit_cast<float>(std::bit_cast<std::uint32_t>(amax) + i)}).value;
    float const above =
        multiplier_of({std::bit_cast<float>(std::bit_cast<std::uint32_t>(amax) + i + 1)}).value;
    gaps += std::bit_cast<std::uint32_t>(above) - std::bit_cast<std::uint32_t>(below) > 1;
  }
  CHECK(gaps > 20);
}

TEST_CASE("trap: PyTorch divides 2688 by a tensor as (1 / amax) * 2688, and rounds twice") {
  int differ = 0;
  for (std::uint32_t i = 0; i < 10000; ++i) {
    float const amax = std::bit_cast<float>(0x3F800000u + i * 839u);
    differ += divisor_of({amax}).value != 2688.0f / amax;
  }
  CHECK(differ > 1000);
}

TEST_CASE(
    "trap: bf16 weights get a divisor rounded to bf16 twice, small fp16 weights the divisor 1") {
  CHECK(static_cast<float>(bf16(2688.0f / 4.5f)) == 596.0f);  // what one rounding would give
  CHECK(divisor_of<bf16>({4.5f}).value == 600.0f);
  CHECK(divisor_of<fp16>({0.0410f}).value == 1.0f);  // 2688 / 0.041 is beyond 65504
  CHECK(divisor_of<fp16>({0.0625f}).value == 43008.0f);
}

TEST_CASE("trap: a tensor of zeros has the outer scale 1, not 0 or infinity") {
  static_assert(multiplier_of({0}).value == 1 && divisor_of({0}).value == 1 && divisor_of<bf16>({0}).value == 1);
  CHECK(multiplier_of({1e-45f}).value == 1);
  CHECK(divisor_of({1e-38f}).value == 1);
}

TEST_CASE("outer scales are total: usable factors for any amax") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < oracle::infinity_bits; bits += 0xFFFF) {
    tensor_amax const amax{std::bit_cast<float>(bits)};
    auto const m = outer_multiplier<>::from<fp4_e2m1>(amax);
    auto const d = outer_divisor<>::from<fp4_e2m1>(amax);
    wrong += !(m.decode > 0 && m.decode <= detail::largest_float);
    wrong += !(d.encode > 0 && d.encode <= detail::largest_float);
    wrong += m.amax != amax.value || d.amax != amax.value;
  }
  CHECK(wrong == 0);
}
