// SPDX-License-Identifier: Apache-2.0
// Codes of bf16 numbers by comparing bits, two at a time and without a product: under one scale, a code
// is the number of thresholds that a magnitude has passed, and magnitudes order like their bits.
#pragma once

#include "nibble/arch/ptx.cuh"
#include "nibble/bf16.hpp"
#include "nibble/device/nearest.cuh"
#include "nibble/numeric_limits.hpp"
#include "nibble/scaling/amax.hpp"

namespace nibble::device::detail {

/// The thresholds of one factor, in the units of twice a magnitude's bits: 256 to a binade. Each word
/// holds its number twice, once for either half of a pair.
///
/// shape   m and t[k] less than 127 binades apart, so that differences fit 16 bits: what floor_for is there for.
/// rule    codes 1 and 2 begin at thresholds of their own; codes 3, 5 and 7 a binade after each other, and
///         codes 4, 6 and 8, since a product doubles with its value. So with m the doubled bits and t[k]
///         where code k begins, a code is, in units of 256, the whole part of
///         max(m - t[3] + 512, min(m - t[1] + 256, 256), 0) and that of
///         max(m - t[4] + 512, min(m - t[2] + 256, 256), 0) together.
struct thresholds {
  std::uint32_t first, second, odd, even;  // 256 - t[1], 256 - t[2], 512 - t[3], 512 - t[4]
};

/// The smallest bits of a bf16 magnitude whose product with `factor` rounds to a code that `tie` lies below, given
/// 1 / factor to a few places.
///
/// rule    from what the product says, upward, asking the product itself: ties go to even codes.
/// errors  only factors that is_thresholded.
[[nodiscard]] __device__ __forceinline__ std::uint32_t threshold_of(float tie, bool is_even,
                                                                    float factor, float inverse) {
  std::uint32_t bits = (nibble::detail::float_bits(arch::multiply(tie, inverse)) >> 16) - 1;
  auto const reaches = [&] {
    float const product = arch::multiply(nibble::detail::float_from_bits(bits << 16), factor);
    return arch::less(tie, product) || (is_even && arch::equal(tie, product));
  };
  while (!reaches()) ++bits;
  return bits;
}

/// Are all thresholds of a factor normal numbers, well inside the range of bf16?
[[nodiscard]] __device__ __forceinline__ bool is_thresholded(float factor) {
  return !arch::less(factor, 0x1p-120f) && arch::less(factor, 0x1p120f);
}

/// Does floor_for serve all scales but 0 at once: are they at most 2^20 apart?
template <class Scale>
inline constexpr bool share_a_floor = static_cast<float>(limits<Scale>::max()) <=
                                      arch::multiply(static_cast<float>(Scale::from_bits(1)),
                                                     0x1p20f);

/// Is it a scaling that gives scales other than 0 only to an amax that the floor does not move, one from 2^-8 of the
/// first threshold on: neither rounds scales up whatever is left, nor fills less than a 64th of the codes' range?
template <class Scaling>
inline constexpr bool leaves_room_for_floor = false;
template <scaling::tile Shape, class Outer, class Rule, int Numerator, int Denominator>
inline constexpr bool
    leaves_room_for_floor<scaling::amax<Shape, Outer, Rule, Numerator, Denominator>> =
        !Rule::goes_up({false, 1}) && Denominator / 64 <= Numerator;

/// What is added to the bits of every magnitude as if they were those of a half, given the largest factor: so small that
/// nothing near a threshold moves, and so large that zero comes to lie less than 127 binades below all thresholds.
///
/// rule    a binade of halves is eight of bf16, and 2^-13 of a half less than half the last place of the binade before:
///         the bits of the first threshold less 13 * 1024, or what has such bits as a subnormal half, which is less
///         still. 0 where there is no such number: thresholds are low then, too.
/// errors  only factors of scales that share_a_floor.
[[nodiscard]] __device__ __forceinline__ std::uint32_t floor_for(float factor) {
  if (!is_thresholded(factor)) return 0;
  std::uint32_t const first = nibble::detail::float_bits(arch::divide(0.25f, factor)) >> 16;
  return first < 13 * 1024 ? 0 : first - 13 * 1024;
}

/// The thresholds of a factor, and the bits of the float from which on codes must be made otherwise,
/// because they saturate. Of a factor that has no thresholds: what makes zeros of zeros, whose bits may be
/// `floor`, and a limit that zeros alone are below.
__device__ __forceinline__ void find_thresholds(float factor, std::uint32_t floor,
                                                thresholds& found, std::uint32_t& limit) {
  auto const twice = [](std::uint32_t number) { return (number & 0xFFFFu) * 0x0001'0001u; };
  if (!is_thresholded(factor)) {
    std::uint32_t const out_of_reach = 2 * (floor + 32 * 128);
    found = {twice(256 - out_of_reach), twice(256 - out_of_reach), twice(512 - out_of_reach),
             twice(512 - out_of_reach)};
    limit = 1;
    return;
  }
  float const inverse = arch::divide(1.0f, factor);
  std::uint32_t const fourth = threshold_of(1.75f, true, factor, inverse);
  found = {twice(256 - 2 * threshold_of(0.25f, false, factor, inverse)),
           twice(256 - 2 * threshold_of(0.75f, true, factor, inverse)),
           twice(512 - 2 * threshold_of(1.25f, false, factor, inverse)), twice(512 - 2 * fourth)};
  // Two binades above, where a product is 7; and no half has the bits of 2^121 and above.
  limit = min((fourth + 256) << 16, 0x7C00'0000u);
}

/// Are an encoder's codes of pairs made by thresholds? Not where an instruction makes codes, nor where packed minima
/// are long.
template <class Encoder>
[[nodiscard]] __device__ constexpr bool by_thresholds() {
#if NIBBLE_HAS_DPX && !NIBBLE_HAS_CVT_E2M1
  return Encoder::has_thresholds;
#else
  return false;
#endif
}

/// The thresholds of as many factors as there are scales, in shared memory.
///
/// shape   memory: `size` floats, 16-byte aligned. fill is called by all threads of a block, and then __syncthreads.
template <int Scales>
struct threshold_table {
  static constexpr int size = 5 * Scales + 4;

  float* memory;

  /// factor_of(i): the factor of scale i; that of 1, the smallest but 0, is the largest.
  template <class Factor>
  __device__ __forceinline__ void fill(Factor const& factor_of, unsigned thread) const {
    std::uint32_t const floor = floor_for(factor_of(1));
    for (unsigned i = thread; i < unsigned{Scales}; i += blockDim.x) {
      thresholds found;
      find_thresholds(factor_of(i), floor, found, limits()[i]);
      reinterpret_cast<uint4*>(memory)[i] = {found.first, found.second, found.odd, found.even};
      if (i == 0) reinterpret_cast<std::uint32_t*>(memory)[5 * Scales] = floor * 0x0001'0001u;
    }
  }
  /// What floor_for says, in both halves.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t floor() const {
    return reinterpret_cast<std::uint32_t const*>(memory)[5 * Scales];
  }
  [[nodiscard]] __device__ __forceinline__ thresholds of(std::uint32_t scale) const {
    uint4 const row = reinterpret_cast<uint4 const*>(memory)[scale];
    return {row.x, row.y, row.z, row.w};
  }
  /// The bits of the amax from which on thresholds do not serve.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t limit_of(std::uint32_t scale) const {
    return limits()[scale];
  }

 private:
  [[nodiscard]] __device__ __forceinline__ std::uint32_t* limits() const {
    return reinterpret_cast<std::uint32_t*>(memory + 4 * Scales);
  }
};

/// Codes of four values in two pairs of magnitudes, floor added, each in a byte of its own: low, low, high, high.
[[nodiscard]] __device__ __forceinline__ std::uint32_t codes_of_two_pairs(thresholds const& from,
                                                                          std::uint32_t pair0,
                                                                          std::uint32_t pair1) {
  auto const steps = [](std::uint32_t m, std::uint32_t begin, std::uint32_t binades) {
    return __viaddmax_s16x2(m, binades, __viaddmin_s16x2_relu(m, begin, 0x0100'0100u));
  };
  std::uint32_t const m0 = pair0 * 2, m1 = pair1 * 2;
  return __byte_perm(steps(m0, from.first, from.odd), steps(m1, from.first, from.odd), 0x7351) +
         __byte_perm(steps(m0, from.second, from.even), steps(m1, from.second, from.even), 0x7351);
}

/// The thresholds of pairs whose low halves are under one scale and whose high ones are under another.
[[nodiscard]] __device__ __forceinline__ thresholds of_halves(thresholds const& low,
                                                              thresholds const& high) {
  auto const both = [](std::uint32_t a, std::uint32_t b) { return __byte_perm(a, b, 0x7610); };
  return {both(low.first, high.first), both(low.second, high.second), both(low.odd, high.odd),
          both(low.even, high.even)};
}

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

/// Bytes of 4 values in front and of 4 in back, by twos of pairs (low, low, high, high), as those of
/// the even values and those of the odd ones.
template <pair_order Order>
__device__ __forceinline__ void split_bytes(std::uint32_t& front, std::uint32_t& back) {
  if constexpr (Order == pair_order::memory) {
    std::uint32_t const even = __byte_perm(front, back, 0x5410);
    back = __byte_perm(front, back, 0x7632);
    front = even;
  }
}

/// The signs of 8 values in 4 pairs, value i's in bit 4 i + 3.
template <pair_order Order = pair_order::memory>
[[nodiscard]] __device__ __forceinline__ std::uint32_t signs_of_pairs(std::uint32_t const* pairs) {
  std::uint32_t even = __byte_perm(pairs[0], pairs[1], 0x7351),
                odd = __byte_perm(pairs[2], pairs[3], 0x7351);
  split_bytes<Order>(even, odd);
  return (even >> 4 & 0x0808'0808u) | (odd & 0x8080'8080u);
}

/// The codes of 8 values in 4 pairs, whose magnitudes, floor added, are given too.
template <pair_order Order>
[[nodiscard]] __device__ __forceinline__ std::uint32_t codes_of_pairs(
    thresholds const& from, std::uint32_t const* pairs, std::uint32_t const* magnitudes) {
  if constexpr (Order == pair_order::split) {
    return codes_of_two_pairs(from, magnitudes[0], magnitudes[1]) +
           codes_of_two_pairs(from, magnitudes[2], magnitudes[3]) * 16 +
           signs_of_pairs<Order>(pairs);
  } else {
    // A code in the upper half of its byte, its sign where that of the pair is.
    auto const signed_codes = [&](int i) {
      return codes_of_two_pairs(from, magnitudes[i], magnitudes[i + 1]) * 16 +
             (__byte_perm(pairs[i], pairs[i + 1], 0x7351) & 0x8080'8080u);
    };
    std::uint32_t even = signed_codes(0), odd = signed_codes(2);
    split_bytes<Order>(even, odd);
    return (even >> 4) + odd;
  }
}

/// The codes of two columns of 8 values: rows of two neighbours each, a row a word.
__device__ __forceinline__ void codes_of_columns(thresholds const& from, std::uint32_t const* rows,
                                                 std::uint32_t const* magnitudes,
                                                 std::uint32_t (&codes)[2]) {
  // Of two rows, two apart, each code in the upper half of its byte, its sign where that of the row is.
  auto const signed_codes = [&](int i) {
    return codes_of_two_pairs(from, magnitudes[i], magnitudes[i + 2]) * 16 +
           (__byte_perm(rows[i], rows[i + 2], 0x7351) & 0x8080'8080u);
  };
  std::uint32_t const front = (signed_codes(0) >> 4) + signed_codes(1),
                      back = (signed_codes(4) >> 4) + signed_codes(5);
  codes[0] = __byte_perm(front, back, 0x5410);
  codes[1] = __byte_perm(front, back, 0x7632);
}

}  // namespace nibble::device::detail
