// SPDX-License-Identifier: Apache-2.0
// Who checks the witness: its tables against the host conversions of CUDA's own headers, where the
// CUDA Toolkit's include folder is known.
#include <doctest/doctest.h>

#include <bit>
#include <cstdint>

#include "oracle/blocks.hpp"
#include "oracle/formats.hpp"

#if __has_include(<cuda_fp4.h>) && __has_include(<cuda_fp6.h>) && __has_include(<cuda_fp8.h>)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp4.h>
#include <cuda_fp6.h>
#include <cuda_fp8.h>

namespace {

float as_float(std::uint32_t bits) { return std::bit_cast<float>(bits); }

std::uint32_t cuda_code(oracle::format const& which, std::uint32_t bits) {
  float const x = as_float(bits);
  if (which.name == "e2m1")
    return __nv_cvt_float_to_fp4(x, __NV_E2M1, cudaRoundNearest);
  if (which.name == "e2m3")
    return __nv_cvt_float_to_fp6(x, __NV_E2M3, cudaRoundNearest);
  if (which.name == "e3m2")
    return __nv_cvt_float_to_fp6(x, __NV_E3M2, cudaRoundNearest);
  if (which.name == "e4m3")
    return __nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E4M3);
  if (which.name == "e5m2")
    return __nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E5M2);
  if (which.name == "e8m0")
    return __nv_cvt_float_to_e8m0(x, __NV_SATFINITE, cudaRoundPosInf);
  if (which.name == "fp16")
    return static_cast<__half_raw>(__float2half(x)).x;
  return static_cast<__nv_bfloat16_raw>(__float2bfloat16(x)).x;
}

}  // namespace

// bugs: B13
TEST_CASE("the witness converts as CUDA's host code does, at every edge and between") {
  oracle::bit_source random(31);
  for (oracle::format const& which : {oracle::e2m1, oracle::e2m3, oracle::e3m2, oracle::e4m3,
                                      oracle::e5m2, oracle::e8m0, oracle::fp16, oracle::bf16}) {
    CAPTURE(which.name);
    oracle::interval_table const intervals(which);
    std::uint64_t wrong = 0;
    auto const compare = [&](std::uint32_t bits) {
      wrong += cuda_code(which, bits) == intervals.expected_code(bits) ? 0U : 1U;
    };
    for (oracle::interval_table::row const& row : intervals.rows()) {
      for (std::uint32_t const bits : {row.first - 1, row.first, row.first + 1})
        compare(bits);
    }
    for (int round = 0; round != 200'000; ++round) {
      compare(static_cast<std::uint32_t>(random.next()));
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("the witness overflows to special values as CUDA's host code does") {
  oracle::bit_source random(32);
  std::uint64_t wrong = 0;
  for (std::uint32_t round = 0; round != 100'000; ++round) {
    std::uint32_t const bits = 0x43000000U + random.below(0x05000000U);
    oracle::number const x = oracle::from_binary32(bits);
    auto const special = [&](oracle::format const& which) {
      return oracle::table_of(which).encode(x, oracle::direction::nearest_even,
                                            oracle::overflow::special);
    };
    float const value = as_float(bits);
    wrong += special(oracle::e4m3) == __nv_cvt_float_to_fp8(value, __NV_NOSAT, __NV_E4M3) ? 0U : 1U;
    wrong += special(oracle::e5m2) == __nv_cvt_float_to_fp8(value, __NV_NOSAT, __NV_E5M2) ? 0U : 1U;
  }
  CHECK(wrong == 0);
}
#endif
