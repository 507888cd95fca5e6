// SPDX-License-Identifier: Apache-2.0
// NVFP4 elements as 16-bit numbers for the tensor cores, bf16 or half as the other operand is.
#pragma once

#include "nibble/arch/convert.hpp"
#include "nibble/arch/ptx.cuh"
#include "nibble/bf16.hpp"
#include "nibble/fp16.hpp"
#include "nibble/mma/decode.hpp"

namespace nibble::mma {

/// What an element made by decode_scaled must be multiplied by to be its value: 2^8 in bf16 and 2^7
/// in halves. A scale times the whole 2^126 or 2^14 that codes lack would overflow.
template <class T>
inline constexpr float undo_scaled = std::is_same_v<T, bf16> ? 0x1p8f : 0x1p7f;

/// Two E4M3 scales, each twice in a pair, as decode_scaled wants them: times 2^118 in bf16, 2^7 in
/// halves. NaN stays NaN.
template <class T>
__device__ __forceinline__ void scale_pairs([[maybe_unused]] std::uint16_t two,
                                            [[maybe_unused]] std::uint32_t (&pairs)[2]) {
#if NIBBLE_HAS_MMA_F16
#if NIBBLE_HAS_CVT_E4M3
  std::uint32_t const halves = arch::ptx::cvt_rn_f16x2_e4m3x2(two);
#else
  std::uint32_t const spread = (two & 0xFFu) | (two & 0xFF00u) << 8;
  static_assert(halves_exponent<format::e4m3> == -8);
  std::uint32_t const halves =
      arch::ptx::mul_rn_f16x2(decode_to_halves<format::e4m3>(spread), 0x5C00'5C00u);
#endif
  if constexpr (std::is_same_v<T, bf16>) {
    for (int i = 0; i < 2; ++i) {
      float const scale = arch::ptx::cvt_f32_f16(static_cast<std::uint16_t>(halves >> (16 * i)));
      float const raised = arch::ptx::mul_rn_f32(scale, 0x1p118f);
      pairs[i] = arch::ptx::cvt_rn_bf16x2_f32(raised, raised);
    }
  } else {
    std::uint32_t const raised = arch::ptx::mul_rn_f16x2(halves, 0x5800'5800u);
    pairs[0] = __byte_perm(raised, 0, 0x1010);
    pairs[1] = __byte_perm(raised, 0, 0x3232);
  }
#endif
}

/// Eight codes times their scale, exactly: pairs (j, j + 4), each 1 / undo_scaled of its value.
template <class T>
__device__ __forceinline__ void decode_scaled(std::uint32_t codes,
                                              [[maybe_unused]] std::uint32_t scale,
                                              std::uint32_t (&pairs)[4]) {
  decode_e2m1<T::format>(codes, pairs);
#if NIBBLE_HAS_MMA_F16
  for (auto& pair : pairs) {
    pair = std::is_same_v<T, bf16> ? arch::ptx::mul_rn_bf16x2(pair, scale)
                                   : arch::ptx::mul_rn_f16x2(pair, scale);
  }
#endif
}

/// An E8M0 scale twice in a pair of bf16. NaN stays NaN.
[[nodiscard]] __device__ __forceinline__ std::uint32_t power_pair(std::uint32_t scale) {
  std::uint32_t const is_end = scale == 0 || scale == 0xFFu ? 0x40u : 0u;  // 2^-127, or NaN
  return (scale << 7 | is_end) * 0x1'0001u;
}

/// Eight codes times an E8M0 scale in bf16, exactly; values of 2^128 and more are infinite.
__device__ __forceinline__ void decode_by_power(std::uint32_t codes,
                                                [[maybe_unused]] std::uint32_t power,
                                                std::uint32_t (&pairs)[4]) {
  decode_e2m1<format::bf16>(codes, pairs);
#if NIBBLE_HAS_MMA_F16
  constexpr std::uint32_t undo = 0x7E80'7E80u;  // 2^126, twice
  for (auto& pair : pairs) {
    pair = arch::ptx::mul_rn_bf16x2(arch::ptx::mul_rn_bf16x2(pair, undo), power);
  }
#endif
}

/// d += A B, 16x16 by 16x8.
template <class T>
__device__ __forceinline__ void multiply_sixteen([[maybe_unused]] float (&d)[4],
                                                 [[maybe_unused]] std::uint32_t const (&a)[4],
                                                 [[maybe_unused]] std::uint32_t b0,
                                                 [[maybe_unused]] std::uint32_t b1) {
#if NIBBLE_HAS_MMA_F16
  if constexpr (std::is_same_v<T, bf16>) {
    arch::ptx::mma_m16n8k16_bf16(d, a, b0, b1);
  } else {
    arch::ptx::mma_m16n8k16_f16(d, a, b0, b1);
  }
#endif
}

}  // namespace nibble::mma
