// SPDX-License-Identifier: Apache-2.0
// e2m1 codes of several elements at once: to nearest, by random bits, and back.
#pragma once

#include "nibble/arch/lanes/vector.hpp"

#if NIBBLE_HAS_LANES

namespace nibble::arch::lanes {

#if defined(__clang__)
#pragma float_control(precise, on, push)  // as in arithmetic.hpp
#endif

/// Where |value| falls on the grid of e2m1.
///
/// rule    the sum of |value| and `offset`, whose last place is the step of the grid in that binade
///         (.5 up to 2, then 1, then 2), is rounded to nearest even; so sum - offset is the grid's
///         number, and the difference of their bits counts its steps. Beyond 8, and for NaN, 8
///         stands for |value|.
struct e2m1_place {
  integers binade, offset;
  floats sum;
};
[[nodiscard]] inline e2m1_place round_to_e2m1(integers bits) noexcept {
  integers const magnitude = smaller(bits & magnitude_mask, integers{} + 0x4100'0000);
  integers const binade = larger(magnitude & infinity, integers{} + 0x3F80'0000);
  integers const offset = binade + (22 << 23 | 0x40'0000);
  return {binade, offset, opaque_lanes((floats)magnitude + (floats)offset)};
}

/// The codes of |value|: two for every binade above 1, and the steps.
[[nodiscard]] inline integers e2m1_magnitudes(integers bits) noexcept {
  auto const [binade, offset, sum] = round_to_e2m1(bits);
  return smaller((integers)sum - offset + (binade >> 22) - 254, integers{} + 7);
}

/// The numbers that |value| is rounded to.
[[nodiscard]] inline integers e2m1_nearest_bits(integers bits) noexcept {
  auto const [binade, offset, sum] = round_to_e2m1(bits);
  return smaller((integers)(sum - (floats)offset), integers{} + 0x40C0'0000);
}

/// The values of e2m1 magnitudes: from 2 on, a code has its bits at the bottom of the exponent; 1
/// is .5.
[[nodiscard]] inline integers e2m1_value_bits(integers magnitude) noexcept {
  return ((magnitude << 22) + 0x3F00'0000) & ((magnitude > 1) | ((magnitude > 0) & 0x3F00'0000));
}

/// N e2m1 codes to nearest even, packed.
template <std::size_t N>
inline void encode_e2m1(float const (&values)[N], std::uint8_t (&to)[N / 2]) noexcept {
  for (std::size_t i = 0; i < N; i += count) {
    auto const bits = load<integers>(values + i);
    pack_nibbles(e2m1_magnitudes(bits) | code_signs(bits), to + i / 2);
  }
}

/// What magnitudes lose as e2m1 under a scale: ((code * scale) * amax) / range - magnitude, each step
/// rounded. Rounding to nearest is the same on both sides of zero, so that signs need no place here.
[[nodiscard]] inline floats e2m1_differences(floats magnitude, floats scale, floats encode,
                                             float amax, float range) noexcept {
  auto const code = (floats)e2m1_nearest_bits((integers)multiply(magnitude, encode));
  floats const decoded = multiply(multiply(code, scale), floats{} + amax);
  return divide(decoded, floats{} + range) - opaque_lanes(magnitude);
}

/// sum + difference * difference, rounded after each step.
[[nodiscard]] inline floats add_square(floats sum, floats difference) noexcept {
  return opaque_lanes(sum) + multiply(difference, difference);
}
/// sum + |difference|.
[[nodiscard]] inline floats add_magnitude(floats sum, floats difference) noexcept {
  return opaque_lanes(sum) + opaque_lanes((floats)((integers)difference & magnitude_mask));
}
/// The larger of `largest` and |difference|, NaN above all.
[[nodiscard]] inline floats larger_magnitude(floats largest, floats difference) noexcept {
  return (floats)larger((integers)largest, (integers)difference & magnitude_mask);
}

/// The errors of N values under each of several scales, their terms merged in order.
///
/// shape   Metric: add(sum, difference) of lanes, merge(sum, term) of floats.
/// rule    the terms go through memory: an addition can read it, where lanes had to be taken out
///         first.
template <class Metric, std::size_t N, std::size_t Scales>
inline void e2m1_errors(float const (&values)[N], float const (&scale)[Scales],
                        float const (&encode)[Scales], float amax, float range,
                        float (&errors)[Scales]) noexcept {
  float terms[Scales][N];
  for (std::size_t i = 0; i < N; i += count) {
    auto const magnitude = (floats)(load<integers>(values + i) & magnitude_mask);
    for (std::size_t s = 0; s < Scales; ++s) {
      store(Metric::add(floats{}, e2m1_differences(magnitude, floats{} + scale[s],
                                                   floats{} + encode[s], amax, range)),
            terms[s] + i);
    }
  }
  opaque_memory(terms);
  for (std::size_t s = 0; s < Scales; ++s) errors[s] = 0;
  for (std::size_t i = 0; i < N; ++i) {
    for (std::size_t s = 0; s < Scales; ++s) errors[s] = Metric::merge(errors[s], terms[s][i]);
  }
}

/// The same of `count` rows at once, one a lane, each under scales of its own.
///
/// shape   magnitudes: |value|, transposed.
template <class Metric, std::size_t N, std::size_t Scales>
inline void e2m1_errors(floats const (&magnitudes)[N], floats const (&scale)[Scales],
                        floats const (&encode)[Scales], float amax, float range,
                        floats (&errors)[Scales]) noexcept {
  for (std::size_t s = 0; s < Scales; ++s) errors[s] = floats{};
  for (std::size_t i = 0; i < N; ++i) {
    for (std::size_t s = 0; s < Scales; ++s) {
      errors[s] =
          Metric::add(errors[s], e2m1_differences(magnitudes[i], scale[s], encode[s], amax, range));
    }
  }
}

/// N e2m1 codes by stochastic rounding with Bits random bits each, packed.
///
/// rule    t = floor(|y| 2^(Bits + 1)) counts steps of .5 in units of 2^-Bits. Adding the random
///         number and dropping Bits bits rounds to a multiple of .5; the same of t / 2 and t / 4 to
///         multiples of 1 and 2. The code is the least of the three, counted from where their
///         binades begin.
template <int Bits, std::size_t N>
inline void encode_e2m1_stochastic(float const (&values)[N], std::uint32_t const (&random)[N],
                                   std::uint8_t (&to)[N / 2]) noexcept {
  constexpr float scale = static_cast<float>(1u << (Bits + 1));
  constexpr std::int32_t eight = 0x4100'0000;  // as a float: beyond it nothing changes
  for (std::size_t i = 0; i < N; i += count) {
    auto const bits = load<integers>(values + i);
    auto const noise = load<integers>(random + i);
    integers const clamped = smaller(bits & magnitude_mask, integers{} + eight);
    integers const t = __builtin_convertvector((floats)clamped * scale, integers);
    integers const by_half = (t + noise) >> Bits;
    integers const by_one = (((t >> 1) + noise) >> Bits) + 2;
    integers const by_two = (((t >> 2) + noise) >> Bits) + 4;
    integers const code = smaller(smaller(by_half, by_one), smaller(by_two, integers{} + 7));
    pack_nibbles(code | code_signs(bits), to + i / 2);
  }
}

/// N packed e2m1 codes times a factor.
template <std::size_t N>
inline void decode_e2m1(std::uint8_t const (&from)[N / 2], float factor, float* to) noexcept {
  for (std::size_t i = 0; i < N; i += count) {
    // Each 64-bit lane gets one byte; its high nibble moves to the upper half.
    auto words = __builtin_convertvector(load<packed_pairs>(from + i / 2), pairs);
    words = (words | words << 28) & 0x0000'000F'0000'000Fu;
    auto const codes = (integers)words;
    store(opaque_lanes((floats)(e2m1_value_bits(codes & 7) | (codes & 8) << 28) * factor), to + i);
  }
}

#if defined(__clang__)
#pragma float_control(pop)
#endif

}  // namespace nibble::arch::lanes

#endif
