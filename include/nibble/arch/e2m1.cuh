// SPDX-License-Identifier: Apache-2.0
// e2m1 codes on GPUs without an instruction for them, in six operations of which three are
// additions: a quantize kernel is bound by the rate of instructions, and comparisons run at half
// the rate of additions.
#pragma once

#include "nibble/arch/ptx.cuh"

namespace nibble::arch {

/// The e2m1 magnitude code of y, to nearest even and saturating.
///
/// rule    adding 2^22, 2^23 or 2^24 to |y| rounds it to a multiple of .5, 1 or 2 and leaves the
///         count of them in the low bits; the code is the least of the three counts, each counted
///         from where its steps begin. NaN and infinity give more than 7.
/// bits    equal to format::encode for every float; tests/device_sweep tries them all.
__device__ __forceinline__ unsigned int encode_e2m1_magnitude(float y) {
  float const magnitude = ptx::abs_f32(y);
  unsigned int const by_half = __float_as_uint(ptx::add_rn_f32(magnitude, 0x1p22f));
  unsigned int const by_one = __float_as_uint(ptx::add_rn_f32(magnitude, 0x1p23f));
  unsigned int const by_two = __float_as_uint(ptx::add_rn_f32(magnitude, 0x1p24f));
  // The bits of the constants, less the code at which their steps begin.
  unsigned int code = __viaddmin_u32(by_two, 4u - 0x4B80'0000u, 7u);
  code = __viaddmin_u32(by_one, 2u - 0x4B00'0000u, code);
  return __viaddmin_u32(by_half, 0u - 0x4A80'0000u, code);
}

/// The e2m1 magnitude code of y by stochastic rounding with Bits random bits.
///
/// rule    2^23 + random times the step's share 2^-Bits lands where a float's last bit is that
///         share, so adding |y| toward zero drops what Bits bits cannot see and carries; adding up
///         to 2^22, 2^23 or 2^24 toward zero then drops the fraction of the step. The least of the
///         three counts, as above.
/// bits    equal to format::encode with format::stochastic<Bits>, for every float and random
///         number.
template <int Bits>
__device__ __forceinline__ unsigned int encode_e2m1_magnitude_stochastic(float y,
                                                                         unsigned int random) {
  static_assert(Bits <= 16, "got more than 16 bits; their sum with y does not fit a float");
  constexpr float share = 1.0f / static_cast<float>(1u << Bits);
  float const noise = __uint_as_float(random | 0x4B00'0000u);  // 2^23 + random
  float const magnitude = ptx::abs_f32(y);
  float const half = ptx::fma_rz_f32(noise, share / 2, magnitude);
  float const one = ptx::fma_rz_f32(noise, share, magnitude);
  float const two = ptx::fma_rz_f32(noise, share * 2, magnitude);
  unsigned int const by_half = __float_as_uint(ptx::add_rz_f32(half, 0x1p22f - 0x1p22f * share));
  unsigned int const by_one = __float_as_uint(ptx::add_rz_f32(one, 0x1p23f - 0x1p23f * share));
  unsigned int const by_two = __float_as_uint(ptx::add_rz_f32(two, 0x1p24f - 0x1p24f * share));
  unsigned int code = __viaddmin_u32(by_two, 4u - 0x4B80'0000u, 7u);
  code = __viaddmin_u32(by_one, 2u - 0x4B00'0000u, code);
  return __viaddmin_u32(by_half, 0u - 0x4A80'0000u, code);
}

/// The sign of values[i] in bit 3 of nibble i. A product has the sign of its factor, but for NaN,
/// which comes out positive: no comparison needed.
__device__ __forceinline__ unsigned int sign_nibble(float value, int i) {
  return __float_as_uint(ptx::mul_rn_f32(value, 2.0f)) >> (28 - 4 * i) & (8u << (4 * i));
}

/// Eight e2m1 codes in a word, value 0 in the lowest nibble.
__device__ __forceinline__ unsigned int encode_e2m1x8_by_addition(float const (&values)[8]) {
  unsigned int codes = 0;
  for (int i = 0; i < 8; ++i) {
    codes |= encode_e2m1_magnitude(values[i]) << (4 * i) | sign_nibble(values[i], i);
  }
  return codes;
}

/// N e2m1 codes by stochastic rounding, packed.
template <int Bits, decltype(sizeof(0)) N>
__device__ __forceinline__ void encode_e2m1_stochastic(float const (&values)[N],
                                                       unsigned int const (&random)[N],
                                                       unsigned char (&to)[N / 2]) {
  for (int first = 0; first < int{N}; first += 8) {
    unsigned int codes = 0;
    for (int i = 0; i < 8; ++i) {
      codes |= encode_e2m1_magnitude_stochastic<Bits>(values[first + i], random[first + i])
                   << (4 * i) |
               sign_nibble(values[first + i], i);
    }
    for (int byte = 0; byte < 4; ++byte) {
      to[first / 2 + byte] = static_cast<unsigned char>(codes >> (8 * byte));
    }
  }
}

}  // namespace nibble::arch
