// SPDX-License-Identifier: Apache-2.0
// The same bits as CUDA's own headers compute on the host: every code decoded, and floats from
// every binade with all the mantissas that rounding cares about. NIBBLE_LONG=1 takes every float.
#include "every_float.hpp"

// The headers are there where the CUDA Toolkit is.
#if __has_include(<cuda_fp4.h>) && __has_include(<cuda_runtime_api.h>)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp4.h>
#include <cuda_fp6.h>
#include <cuda_fp8.h>

#include <doctest/doctest.h>

#include <nibble/bf16.hpp>
#include <nibble/block.hpp>
#include <nibble/fp16.hpp>

namespace {

/// The number of floats, out of many or of all, for which ours and theirs differ.
template <class Ours, class Theirs>
std::uint64_t differences(Ours const& ours, Theirs const& theirs, bool all) {
  std::atomic<std::uint64_t> wrong{0};
  sweep::every_pattern([&](std::uint32_t first, std::uint32_t last) {
    std::uint64_t mine = 0;
    auto const compare = [&](std::uint64_t bits) {
      float const value = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
      mine += static_cast<std::uint32_t>(ours(value)) != static_cast<std::uint32_t>(theirs(value));
    };
    if (all) {
      for (std::uint64_t bits = first; bits <= last; ++bits) {
        compare(bits);
      }
    } else {
      // The upper mantissa bits in every combination, and around each the last few floats.
      for (std::uint64_t bits = first; bits <= last; bits += 1u << 15) {
        for (std::uint64_t near = 0; near != 3; ++near) {
          compare(bits + near);
          compare(bits + (1u << 15) - 1 - near);
        }
      }
      for (std::uint64_t bits = first; bits <= last; bits += 104729) {
        compare(bits);
      }
    }
    wrong += mine;
  });
  return wrong;
}

template <class T, class Theirs>
std::uint64_t wrong_numbers(Theirs const& theirs, bool all = false) {
  return differences([](float x) { return T(x).bits(); }, theirs, all);
}

auto const e2m1 = [](float x) { return __nv_cvt_float_to_fp4(x, __NV_E2M1, cudaRoundNearest); };
auto const e4m3 = [](float x) { return __nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E4M3); };

std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

std::uint32_t bits_of_half(__half_raw raw) { return bits(__half2float(__half(raw))); }

}  // namespace

TEST_CASE("floats become the codes that CUDA's headers give") {
  CHECK(wrong_numbers<nibble::fp4_e2m1>(e2m1) == 0);
  CHECK(wrong_numbers<nibble::fp8_e4m3>(e4m3) == 0);
  CHECK(wrong_numbers<nibble::fp6_e2m3>(
            [](float x) { return __nv_cvt_float_to_fp6(x, __NV_E2M3, cudaRoundNearest); }) == 0);
  CHECK(wrong_numbers<nibble::fp6_e3m2>(
            [](float x) { return __nv_cvt_float_to_fp6(x, __NV_E3M2, cudaRoundNearest); }) == 0);
  CHECK(wrong_numbers<nibble::fp8_e5m2>(
            [](float x) { return __nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E5M2); }) == 0);
  CHECK(wrong_numbers<nibble::e8m0>([](float x) { return __nv_fp8_e8m0(x).__x; }) == 0);
  CHECK(wrong_numbers<nibble::bf16>(
            [](float x) { return static_cast<__nv_bfloat16_raw>(__float2bfloat16_rn(x)).x; }) == 0);
  CHECK(wrong_numbers<nibble::fp16>(
            [](float x) { return static_cast<__half_raw>(__float2half_rn(x)).x; }) == 0);
}

TEST_CASE("codes become the floats that CUDA's headers give") {
  std::uint32_t wrong = 0;
  for (std::uint32_t code = 0; code != 256; ++code) {
    auto const c = static_cast<unsigned char>(code);
    auto const differs = [](float ours, std::uint32_t theirs) {
      bool const both_nan = ours != ours && (theirs & 0x7FFF'FFFFu) > 0x7F80'0000u;
      return !both_nan && bits(ours) != theirs;
    };
    if (code < 16) {
      wrong += differs(static_cast<float>(nibble::fp4_e2m1::from_bits(c)),
                       bits_of_half(__nv_cvt_fp4_to_halfraw(c, __NV_E2M1)));
    }
    if (code < 64) {
      wrong += differs(static_cast<float>(nibble::fp6_e2m3::from_bits(c)),
                       bits_of_half(__nv_cvt_fp6_to_halfraw(c, __NV_E2M3)));
      wrong += differs(static_cast<float>(nibble::fp6_e3m2::from_bits(c)),
                       bits_of_half(__nv_cvt_fp6_to_halfraw(c, __NV_E3M2)));
    }
    wrong += differs(static_cast<float>(nibble::fp8_e4m3::from_bits(c)),
                     bits_of_half(__nv_cvt_fp8_to_halfraw(c, __NV_E4M3)));
    wrong += differs(static_cast<float>(nibble::fp8_e5m2::from_bits(c)),
                     bits_of_half(__nv_cvt_fp8_to_halfraw(c, __NV_E5M2)));
    wrong += differs(static_cast<float>(nibble::e8m0::from_bits(c)),
                     bits(__bfloat162float(__nv_bfloat16(__nv_cvt_e8m0_to_bf16raw(c)))));
  }
  for (std::uint32_t code = 0; code != 0x10000; ++code) {
    __half_raw raw;
    raw.x = static_cast<unsigned short>(code);
    __nv_bfloat16_raw brain;
    brain.x = raw.x;
    auto const ours_half = static_cast<float>(nibble::fp16::from_bits(code));
    auto const ours_brain = static_cast<float>(nibble::bf16::from_bits(code));
    wrong += ours_half == ours_half && bits(ours_half) != bits(__half2float(__half(raw)));
    wrong += ours_brain == ours_brain &&
             bits(ours_brain) != bits(__bfloat162float(__nv_bfloat16(brain)));
  }
  CHECK(wrong == 0);
}

TEST_CASE("NIBBLE_LONG=1: every float becomes the code that cuda_fp4.h and cuda_fp8.h give") {
  if (!sweep::is_long()) {
    return;
  }
  CHECK(wrong_numbers<nibble::fp4_e2m1>(e2m1, true) == 0);
  CHECK(wrong_numbers<nibble::fp8_e4m3>(e4m3, true) == 0);
}
#endif
