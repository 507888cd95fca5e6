// SPDX-License-Identifier: Apache-2.0
// Codes of bf16 numbers two at a time, by multiplying and rounding pairs of halves: a bf16 has few enough
// digits for a half to hold, and few enough codes lie between them for a multiplier of 11 bits to serve.
#pragma once

#include "nibble/arch/ptx.cuh"
#include "nibble/bf16.hpp"
#include "nibble/rounding/nearest_even.hpp"

namespace nibble::device::detail {

/// What makes the codes of a pair under one scale, or under two, one for either half.
///
/// rule    a magnitude times `lift`, a power of two, has the exponent that the half of the same value has,
///         2^112 times larger; its bits times 8 plus `offset` are such a half. That times `multiplier` is,
///         but for its last places, the product that is to be rounded.
struct half_steps {
  std::uint32_t multiplier, offset, lift;
};

/// What is added to every code below: the bits of 512, whose last place is 1/2.
inline constexpr std::uint32_t half_base = 0x6000'6000u;

/// The codes of two magnitudes in the halves of a word, plus half_base.
///
/// rule    with n_s the product over s, rounded to nearest even by adding a number whose last place is s, a
///         code is the least of n_0.5, n_1 + 2, n_2 + 4.
[[nodiscard]] __device__ __forceinline__ std::uint32_t codes_of_pair(half_steps const& s,
                                                                     std::uint32_t magnitudes) {
  std::uint32_t const half = arch::ptx::mul_rn_bf16x2(magnitudes, s.lift) * 8 + s.offset;
  auto const rounded = [&](std::uint32_t binades, std::uint32_t base) {
    return arch::ptx::fma_rn_f16x2(half, s.multiplier - binades * 0x0400'0400u, half_base + base);
  };
  return arch::ptx::min_f16x2(arch::ptx::min_f16x2(rounded(0, 0), rounded(1, 0x0002'0002u)),
                              rounded(2, 0x0004'0004u));
}

/// The smallest bits of a bf16 magnitude whose product with `factor` rounds to code `code` or above.
///
/// rule    from where the division says, upward, asking the rounding itself.
/// errors  only factors that is_steady.
[[nodiscard]] __device__ __forceinline__ std::uint32_t threshold_of(std::uint32_t code, float tie,
                                                                    float factor) {
  std::uint32_t bits = nibble::detail::float_bits(arch::divide(tie, factor)) >> 16;
  auto const code_at = [&] {
    float const value = nibble::detail::float_from_bits(bits << 16);
    return rounding::nearest_even::template round<fp4_e2m1>(arch::multiply(value, factor)).bits();
  };
  while (code_at() < code) ++bits;
  return bits;
}

/// Are all magnitudes where codes begin normal numbers, well inside the range of bf16?
[[nodiscard]] __device__ __forceinline__ bool is_steady(float factor) {
  return !arch::less(factor, 0x1p-120f) && arch::less(factor, 0x1p120f);
}

/// The lift for factors from `least` on, up to 2^18 times that: the largest magnitudes with codes come to
/// be halves from 2^13 to 2^14. 0 if bf16 has no such power of two.
[[nodiscard]] __device__ __forceinline__ std::uint32_t lift_for(float least) {
  if (!is_steady(least)) return 0;
  float const power =
      nibble::detail::float_from_bits(nibble::detail::float_bits(least) & 0x7F80'0000u);
  return (nibble::detail::float_bits(arch::multiply(power, 0x1p-101f)) >> 16) * 0x0001'0001u;
}

/// One factor's steps, and the bits of the bf16 from which on codes must be made otherwise, because they
/// saturate. Of a factor that none serve: what makes zeros of zeros, all else otherwise.
///
/// rule    codes 5 to 8 begin a binade or two after 3 and 4, since a product doubles with its value. The
///         multiplier next to the factor itself under which every code begins where it should, asking the
///         instructions themselves; where none does, the halves' last bits are moved by an offset.
__device__ __forceinline__ void find_half_steps(float factor, std::uint32_t lift,
                                                std::uint32_t& multiplier, std::uint32_t& offset,
                                                std::uint32_t& limit) {
  multiplier = 0x3C00u;
  offset = 0;
  limit = 1;
  if (!is_steady(factor) || lift == 0) return;
  std::uint32_t const third = threshold_of(3, 1.25f, factor),
                      fourth = threshold_of(4, 1.75f, factor);
  // Where codes 1 to 8 begin; from 8 on they saturate.
  std::uint32_t const first[8]{threshold_of(1, 0.25f, factor),
                               threshold_of(2, 0.75f, factor),
                               third,
                               fourth,
                               third + 128,
                               fourth + 128,
                               third + 256,
                               fourth + 256};
  // The factor over what values have been multiplied by already, as a half.
  float const raised = nibble::detail::float_from_bits(lift << 16);
  std::uint32_t const exact =
      nibble::detail::float_bits(arch::divide(arch::multiply(factor, 0x1p-112f), raised));
  std::uint32_t const nearest = (exact + 0x1000u - 0x3800'0000u) >> 13;
  if (exact < 0x3A00'0000u || nearest > 0x7800u) return;
  auto const serves = [&](std::uint32_t m, std::uint32_t moved) {
    half_steps const steps{m * 0x0001'0001u, moved * 0x0001'0001u, lift};
    bool result = true;
    for (std::uint32_t i = 0; i < 8; ++i) {
      std::uint32_t const around = (i < 7 ? first[i] : first[i] - 1) << 16 | (first[i] - 1);
      result = result && codes_of_pair(steps, around) == half_base + (min(i + 1, 7u) << 16 | i);
    }
    return result;
  };
#pragma unroll 1
  for (std::uint32_t i = 0; i < 24; ++i) {
    // For each offset from 0 to 5: the nearest multiplier, then those beside it.
    std::uint32_t const moved = i / 4, m = nearest +
                                           (i % 4 == 0   ? 0
                                            : i % 4 == 1 ? 1
                                            : i % 4 == 2 ? -1
                                                         : -2) -
                                           moved / 2;
    if (serves(m, moved)) {
      multiplier = m;
      offset = moved;
      limit = first[7];
      return;
    }
  }
}

/// The steps of one scale: multiplier and the limit, less 1, in the halves of a word; the offset twice.
struct half_entry {
  std::uint32_t multiplier_and_limit, offset;

  /// Is an amax, a float that bf16 holds, below the limit?
  [[nodiscard]] __device__ __forceinline__ bool is_above(float largest) const {
    return nibble::detail::float_bits(largest) < multiplier_and_limit;
  }
};

/// The steps of as many factors as there are scales, in shared memory behind those factors.
///
/// shape   memory: `size` floats, 16-byte aligned, behind `Scales` encode factors. fill is called by all
///         threads of a block, factor i having been written by thread i, and then __syncthreads.
template <int Scales>
struct half_table {
  static constexpr int size = 2 * Scales + 4;

  float* memory;

  /// Of factors `share` times those in front, of which the one for a scale of `top` is `least`.
  __device__ __forceinline__ void fill(float share, float least, unsigned thread) const {
    std::uint32_t const lift = lift_for(arch::multiply(least, share));
    for (unsigned i = thread; i < unsigned{Scales}; i += blockDim.x) {
      std::uint32_t multiplier, offset, limit;
      find_half_steps(arch::multiply(memory[static_cast<int>(i) - Scales], share), lift, multiplier,
                      offset, limit);
      reinterpret_cast<uint2*>(memory)[i] = {multiplier | (limit - 1) << 16, offset * 0x0001'0001u};
      if (i == 0) reinterpret_cast<std::uint32_t*>(memory)[2 * Scales] = lift;
    }
  }
  [[nodiscard]] __device__ __forceinline__ half_entry of(std::uint32_t scale) const {
    uint2 const found = reinterpret_cast<uint2 const*>(memory)[scale];
    return {found.x, found.y};
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t lift() const {
    return reinterpret_cast<std::uint32_t const*>(memory)[2 * Scales];
  }
  /// The steps of a pair under the scale of `low` and that of `high`.
  [[nodiscard]] __device__ __forceinline__ half_steps steps(half_entry const& low,
                                                            half_entry const& high) const {
    return {__byte_perm(low.multiplier_and_limit, high.multiplier_and_limit, 0x5410),
            __byte_perm(low.offset, high.offset, 0x5410), lift()};
  }
};

/// Which two of 16 values are a pair: neighbours, as memory has them, or those whose codes end up in
/// neighbouring bytes, for pairs that are put together anyway.
enum class pair_order { memory, split };

/// The element in the low half of pair i; the one in the high half.
template <pair_order Order>
[[nodiscard]] __device__ constexpr int low_of(int i) {
  if (Order == pair_order::memory) return 2 * i;
  return i / 4 * 8 + i % 2 * 2 + i % 4 / 2;  // of 8: 0, 2, 1, 3
}
template <pair_order Order>
[[nodiscard]] __device__ constexpr int high_of(int i) {
  return low_of<Order>(i) + (Order == pair_order::memory ? 1 : 4);
}

/// The signs of 8 values in 4 pairs, value i's in bit 4 i + 3.
template <pair_order Order = pair_order::memory>
[[nodiscard]] __device__ __forceinline__ std::uint32_t signs_of_pairs(std::uint32_t const* pairs) {
  std::uint32_t even = __byte_perm(pairs[0], pairs[1], 0x7351),
                odd = __byte_perm(pairs[2], pairs[3], 0x7351);
  if constexpr (Order == pair_order::memory) {
    std::uint32_t const front = even;
    even = __byte_perm(front, odd, 0x5410);
    odd = __byte_perm(front, odd, 0x7632);
  }
  return (even >> 4 & 0x0808'0808u) | (odd & 0x8080'8080u);
}

/// The codes of 8 values in 4 pairs as memory has them.
[[nodiscard]] __device__ __forceinline__ std::uint32_t codes_of_pairs(
    half_steps const& s, std::uint32_t const* pairs, std::uint32_t const* magnitudes) {
  // Of four values each in the upper half of its byte, its sign where that of the pair is.
  auto const four = [&](int i) {
    std::uint32_t const codes =
        codes_of_pair(s, magnitudes[i]) * 16 + codes_of_pair(s, magnitudes[i + 1]) * 4096;
    return arch::ptx::lop3_select_b32(0x8080'8080u, __byte_perm(pairs[i], pairs[i + 1], 0x7351),
                                      codes);
  };
  std::uint32_t const front = four(0), back = four(2);
  return arch::ptx::lop3_select_b32(0x0F0F'0F0Fu, __byte_perm(front, back, 0x5410) >> 4,
                                    __byte_perm(front, back, 0x7632));
}

/// The codes of two columns of 8 values: rows of two neighbours each, a row a word.
__device__ __forceinline__ void codes_of_columns(half_steps const& s, std::uint32_t const* rows,
                                                 std::uint32_t const* magnitudes,
                                                 std::uint32_t (&codes)[2]) {
  // Four rows: those of the left column in the low half.
  auto const four = [&](int i) {
    std::uint32_t const front =
        codes_of_pair(s, magnitudes[i]) + codes_of_pair(s, magnitudes[i + 1]) * 16;
    std::uint32_t const back =
        codes_of_pair(s, magnitudes[i + 2]) + codes_of_pair(s, magnitudes[i + 3]) * 16;
    std::uint32_t const signs =
        arch::ptx::lop3_select_b32(0x0F0F'0F0Fu, arch::ptx::prmt_b32(rows[i], rows[i + 2], 0xFBD9),
                                   arch::ptx::prmt_b32(rows[i + 1], rows[i + 3], 0xFBD9));
    return front + back * 256 - half_base * 0x1111u + (signs & 0x8888'8888u);
  };
  std::uint32_t const upper = four(0), lower = four(4);
  codes[0] = __byte_perm(upper, lower, 0x5410);
  codes[1] = __byte_perm(upper, lower, 0x7632);
}

}  // namespace nibble::device::detail
