// SPDX-License-Identifier: Apache-2.0
// Magnitudes and signs of e2m1 codes of many values at once, in the fewest instructions known:
// quantize kernels are bound by the rate of instructions, not by memory.
#pragma once

#include "nibble/arch/ptx.cuh"
#include "nibble/detail/std.hpp"
#include "nibble/rounding/nearest_even.hpp"
#include "nibble/rounding/stochastic.hpp"

namespace nibble::device {

/// The largest magnitude of 16 values, NaN if there is one.
__device__ __forceinline__ float amax_or_nan(float const (&values)[16]) {
  float largest[4]{};  // four chains: one would wait for itself
  for (int i = 0; i < 16; ++i) {
    largest[i % 4] = arch::ptx::max_nan_abs_f32(largest[i % 4], values[i]);
  }
  return arch::ptx::max_nan_abs_f32(arch::ptx::max_nan_abs_f32(largest[0], largest[1]),
                                    arch::ptx::max_nan_abs_f32(largest[2], largest[3]));
}

}  // namespace nibble::device

namespace nibble::device::detail {

/// The roundings that have a short encoder here.
template <class Rounding>
inline constexpr bool is_nearest = std::is_same_v<Rounding, rounding::nearest_even>;
template <class Rounding>
inline constexpr bool draws_bytes = false;
template <class Source>
inline constexpr bool draws_bytes<rounding::stochastic<8, Source>> = true;

/// The signs of 8 values, value i's in bit 4 i + 3.
__device__ __forceinline__ std::uint32_t signs_of(float const* values) {
  auto const gather = [&](int first) {  // the top bytes of four values, two apart
    auto const bits = [&](int i) { return __float_as_uint(values[first + i]); };
    return __byte_perm(__byte_perm(bits(0), bits(2), 0x0073), __byte_perm(bits(4), bits(6), 0x0073),
                       0x5410);
  };
  return (gather(0) >> 4 & 0x0808'0808u) | (gather(1) & 0x8080'8080u);
}

/// 0 <= value < 7? False for NaN and for -0; one comparison of bits.
[[nodiscard]] __device__ __forceinline__ bool is_below_7(float value) {
  return __float_as_uint(value) < 0x40E0'0000u;
}

/// What nearest_magnitude_above adds to its result: the bits of 2^24.
inline constexpr std::uint32_t nearest_base = 0x4B80'0000u;

/// nearest_base plus the magnitude code of a product below 7 in magnitude and not NaN.
///
/// rule    as arch::encode_e2m1_magnitude, but the codes at which steps begin are part of what is
///         added, and the constant's bits are left for the caller to take off, of many at once.
__device__ __forceinline__ std::uint32_t nearest_magnitude_above(float value, float factor) {
  float const y = arch::ptx::abs_f32(arch::ptx::mul_rn_f32(value, factor));
  std::uint32_t result = __float_as_uint(arch::ptx::add_rn_f32(y, 0x1p24f + 8));
  result = __viaddmin_u32(__float_as_uint(arch::ptx::add_rn_f32(y, 0x1p23f + 2)),
                          nearest_base - 0x4B00'0000u, result);
  return __viaddmin_u32(__float_as_uint(arch::ptx::add_rn_f32(y, 0x1p22f)),
                        nearest_base - 0x4A80'0000u, result);
}

/// Two products with one factor, by one instruction where there is one.
///
/// bits    those of arch::multiply, for numbers.
__device__ __forceinline__ void multiply_two(float first, float second, float factor,
                                             float* products) {
#if NIBBLE_HAS_F32X2
  arch::ptx::mul_rn_f32x2(products[0], products[1], first, second, factor);
#else
  products[0] = arch::ptx::mul_rn_f32(first, factor);
  products[1] = arch::ptx::mul_rn_f32(second, factor);
#endif
}

/// Sixteen products with one factor.
__device__ __forceinline__ void multiply_sixteen(float const (&values)[16], float factor,
                                                 float (&products)[2][8]) {
  for (int i = 0; i < 16; i += 2) {
    multiply_two(values[i], values[i + 1], factor, products[i / 8] + i % 8);
  }
}

/// The magnitude codes of 8 products below 7 in magnitude, none of them NaN.
__device__ __forceinline__ std::uint32_t nearest_magnitudes(float const* values, float factor) {
  auto const code = [&](int i) { return nearest_magnitude_above(values[i], factor); };
  auto const pair = [&](int i) { return code(i) + code(i + 1) * 16; };
  auto const four = [&](int i) { return pair(i) + pair(i + 2) * 256; };
  return four(0) + four(4) * 65536 - nearest_base * 0x1111'1111u;
}

/// Eight magnitude codes from words of two halves, code i in bits 9 to 11 of one half: of codes 0 and 2,
/// 1 and 3, 4 and 6, 5 and 7. What lies below does not matter; above must be zeros.
[[nodiscard]] __device__ __forceinline__ std::uint32_t codes_of_halves(
    std::uint32_t const (&halves)[4]) {
  std::uint32_t const even = __byte_perm(halves[0], halves[2], 0x7531),
                      odd = __byte_perm(halves[1], halves[3], 0x7531);
  return (even + odd * 16) >> 1 & 0x7777'7777u;
}

/// Can stochastic_magnitudes take products with a factor?
[[nodiscard]] __device__ __forceinline__ bool leaves_room_for_halves(float factor) {
  return factor >= 0x1p-112f;
}

/// The magnitude codes of 8 products below 7 in magnitude, none of them NaN, by stochastic rounding
/// with the 8 bytes of two words.
///
/// rule    with f(y) = min(2 y, y + 2, y / 2 + 4), which is the code and the share of the next one,
///         a code is floor((floor(512 f) + 2 random) / 512), at most 7. And f is what the bits of a
///         small float count, even steps first and then half binades: |y| / 2^14 to a half, toward
///         zero, is floor(512 f), two at a time. The power of two goes into the factor, which must
///         have room for it.
/// bits    those of format::stochastic<8>.
__device__ __forceinline__ std::uint32_t stochastic_magnitudes(float const* values, float factor,
                                                               std::uint32_t random0,
                                                               std::uint32_t random1) {
  float const small = arch::ptx::mul_rn_f32(factor, 0x1p-14f);
  // Values i and i + 2 of four.
  auto const rounded = [&](int i, std::uint32_t random) {
    float products[2];
    multiply_two(arch::ptx::abs_f32(values[i]), arch::ptx::abs_f32(values[i + 2]), small, products);
    return __vminu2(arch::ptx::cvt_rz_f16x2_f32(products[0], products[1]) + 2 * random,
                    0x0FFF'0FFFu);
  };
  auto const even_bytes = [](std::uint32_t word) { return word & 0x00FF'00FFu; };
  auto const odd_bytes = [](std::uint32_t word) { return __byte_perm(word, 0, 0x4341); };
  return codes_of_halves({rounded(0, even_bytes(random0)), rounded(1, odd_bytes(random0)),
                          rounded(4, even_bytes(random1)), rounded(5, odd_bytes(random1))});
}

}  // namespace nibble::device::detail
