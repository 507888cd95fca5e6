// SPDX-License-Identifier: Apache-2.0
// NVFP4 numbers as integers in digits that int8 tensor cores multiply exactly.
//
// A code times its E4M3 scale is v 2^-10 with an integer |v| <= 6 * 448 * 2^10 = 2752512. In balanced
// digits of base 256, v = d0 + 2^8 d1 + 2^16 d2 with d0, d1 in [-128, 127] and |d2| <=
// (2752512 + 128 + 2^15) / 2^16 < 43. So
//
//   sum over k of a_k b_k = 2^-20 (W0 + 2^8 W1 + 2^16 W2 + 2^24 W3 + 2^32 W4),
//   Wn = sum over k and over i + j = n of d_i(a_k) d_j(b_k).
//
// Each k adds at most 2^14 to |W0|, 2 * 2^14 to |W1|, 2 * 128 * 43 + 2^14 < 2 * 2^14 to |W2| and less
// to the others, so over a chunk of 2^15 values of k all |Wn| <= 2^30: int32 sums are exact in any
// order, on any machine. Chunks are added in int64, where |sum| <= 2^20 * 2752512^2 < 2^63.
#pragma once

#include "nibble/arch/arithmetic.hpp"
#include "nibble/arch/ptx.cuh"
#include "nibble/view.hpp"

namespace nibble::device::detail {

inline constexpr int digit_count = 3;
inline constexpr int weight_count = 2 * digit_count - 1;
inline constexpr matrix_index digit_chunk = matrix_index{1} << 15;

[[nodiscard]] __device__ __forceinline__ bool is_nan_scale(std::uint32_t bits) {
  return (bits & 0x7Fu) == 0x7Fu;
}
/// A scale in units of 2^-9, from its bits; 0 for NaN.
[[nodiscard]] __device__ __forceinline__ int scale_units(std::uint32_t bits) {
  // Without a branch: what is around can then be done at once.
  std::uint32_t const exponent = bits >> 3 & 0xFu, is_normal = exponent != 0 ? 1u : 0u;
  std::uint32_t const magnitude = (is_normal << 3 | (bits & 7u)) << (exponent - is_normal);
  int const units = static_cast<int>(is_nan_scale(bits) ? 0u : magnitude);
  return (bits & 0x80u) != 0 ? -units : units;
}

/// The codes of a block as words, the first code in the low bits.
template <class Codes>
__device__ __forceinline__ void words_of(Codes const& codes, std::uint32_t (&words)[2]) {
  for (std::size_t word = 0; word < 2; ++word) {
    words[word] = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      words[word] |= static_cast<std::uint32_t>(codes.bytes()[4 * word + i]) << (8 * i);
    }
  }
}

/// The digits of the numbers of a block, sixteen bytes a digit in the order of k.
///
/// units   codes: from words_of. scale: from scale_units.
/// rule    v + 0x808080 has digit d + 128 in each byte. Four signed codes come from two tables of
///         eight bytes, four numbers' bytes are turned into digits' words by permutations.
__device__ __forceinline__ void split_block(std::uint32_t const (&codes)[2], int scale,
                                            std::uint32_t (&digits)[digit_count][4]) {
#pragma unroll
  for (int four = 0; four < 4; ++four) {
    std::uint32_t const eight = codes[four / 2];
    std::uint32_t const place = (four % 2 == 0 ? eight : eight >> 16) & 0x7777u;
    // Bytes of ones where a code's bit 3 is set: in bit 7 of a byte of eight or of eight << 4.
    std::uint32_t const is_negative =
        arch::ptx::prmt_b32(eight, eight << 4, four % 2 == 0 ? 0x9D8Cu : 0xBFAEu);
    std::uint32_t const twice = (__byte_perm(0x0302'0100u, 0x0C08'0604u, place) & ~is_negative) |
                                (__byte_perm(0xFDFE'FF00u, 0xF4F8'FAFCu, place) & is_negative);
    std::uint32_t shifted[4];
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) {
      int const code = static_cast<int>(arch::ptx::prmt_b32(twice, 0, 0x8880u + 0x1111u * i));
      shifted[i] = static_cast<std::uint32_t>(code * scale + 0x80'8080);
    }
    std::uint32_t const low01 = __byte_perm(shifted[0], shifted[1], 0x5140),
                        low23 = __byte_perm(shifted[2], shifted[3], 0x5140),
                        high01 = __byte_perm(shifted[0], shifted[1], 0x0062),
                        high23 = __byte_perm(shifted[2], shifted[3], 0x0062);
    digits[0][four] = __byte_perm(low01, low23, 0x5410) ^ 0x8080'8080u;
    digits[1][four] = __byte_perm(low01, low23, 0x7632) ^ 0x8080'8080u;
    digits[2][four] = __byte_perm(high01, high23, 0x5410) ^ 0x8080'8080u;
  }
}

/// Weighted sums in units of 2^-20.
[[nodiscard]] __device__ __forceinline__ std::int64_t weigh(int w, std::int32_t sum) {
  return static_cast<std::int64_t>(sum) * (std::int64_t{1} << (8 * w));
}

/// The nearest float: int64 to float rounds once; the factor is a power of two and the result far
/// from subnormal.
[[nodiscard]] __device__ __forceinline__ float rounded_units(std::int64_t units) {
  return arch::multiply(__ll2float_rn(units), 0x1p-20f);
}

}  // namespace nibble::device::detail
