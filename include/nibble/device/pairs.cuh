// SPDX-License-Identifier: Apache-2.0
// Sixteen bf16 numbers that lie in pairs, as memory has them, to codes: what can be done for two at
// once is, and the Hadamard transform of 16 leaves its last product to the scale.
#pragma once

#include "nibble/device/prepared.cuh"
#include "nibble/device/sixteen.cuh"

namespace nibble::device::detail {

/// Can a quantizer's blocks be made of pairs?
template <class Quantizer>
inline constexpr bool takes_pairs = false;
template <class Quantizer>
requires makes_sixteens<Quantizer> && sixteen_encoder<Quantizer>::needs_amax_only &&
    sixteen_encoder<Quantizer>::is_quick inline constexpr bool takes_pairs<Quantizer> =
        leaves_pairs<typename Quantizer::transform_type>;

/// Fills the tables of an encoder; all threads of a block, each with a number of its own.
template <class Quantizer, bool WithThresholds>
__device__ __forceinline__ void fill_tables(
    sixteen_encoder<Quantizer, WithThresholds> const& encoder, unsigned thread = threadIdx.x) {
  encoder.fill_table(thread);
  if constexpr (by_thresholds<sixteen_encoder<Quantizer, WithThresholds>>()) {
    encoder.fill_thresholds(Quantizer::transform_type::size > 1 ? 0.25f : 1.0f, thread);
  }
}

/// The signs that the transform flips two elements i by that are a pair.
template <class Transform>
[[nodiscard]] __device__ __forceinline__ std::uint32_t signs_of_both(
    [[maybe_unused]] Transform const& t, [[maybe_unused]] int i) {
  if constexpr (requires { t.of_both; }) {
    return t.of_both[i];
  } else if constexpr (requires { t.signs; }) {
    return (t.signs[0] >> i & 1u) * 0x8000'8000u;
  } else {
    return 0;
  }
}

/// The signs that the transform flips elements 2 i and 2 i + 1 by.
template <class Transform>
[[nodiscard]] __device__ __forceinline__ std::uint32_t signs_of_neighbours(
    [[maybe_unused]] Transform const& t, [[maybe_unused]] int i) {
  if constexpr (requires { t.of_neighbours; }) {
    return t.of_neighbours[i];
  } else {
    return (signs_of_both(t, 2 * i) & 0x0000'8000u) | (signs_of_both(t, 2 * i + 1) & 0x8000'0000u);
  }
}

/// The larger of two magnitudes in either half, NaN where there is one.
template <std::size_t Count>
[[nodiscard]] __device__ __forceinline__ std::uint32_t largest_of_each(
    std::uint32_t const (&magnitudes)[Count]) {
  // Two chains of two maxima at a time, which are one instruction.
  std::uint32_t largest[2]{magnitudes[0], magnitudes[1]};
  for (std::size_t i = 2; i < Count; ++i) {
    largest[i / 2 % 2] = arch::ptx::max_nan_bf16x2(largest[i / 2 % 2], magnitudes[i]);
  }
  return arch::ptx::max_nan_bf16x2(largest[0], largest[1]);
}

/// The larger of a pair of magnitudes, NaN if there is one.
[[nodiscard]] __device__ __forceinline__ float larger_of_pair(std::uint32_t pair) {
  float values[2];
  widen<bf16>(pair, values);
  return arch::ptx::max_nan_abs_f32(values[0], values[1]);
}

/// The largest magnitude of 16 values, NaN if there is one.
[[nodiscard]] __device__ __forceinline__ float amax_of_pairs(std::uint32_t const (&pairs)[8]) {
  std::uint32_t magnitudes[8];
  for (int i = 0; i < 8; ++i) magnitudes[i] = arch::ptx::abs_bf16x2(pairs[i]);
  return larger_of_pair(largest_of_each(magnitudes));
}

/// The sums and differences of a Hadamard transform of 16, in its order.
__device__ __forceinline__ void add_as_hadamard(float (&values)[16]) {
  for (int stride = 1; stride < 16; stride *= 2) {
    for (int first = 0; first < 16; first += 2 * stride) {
      for (int i = first; i < first + stride; ++i) {
        float const a = values[i], b = values[i + stride];
        values[i] = arch::add(a, b);
        values[i + stride] = arch::subtract(a, b);
      }
    }
  }
}

/// Two numbers rounded to bf16.
[[nodiscard]] __device__ __forceinline__ std::uint32_t pair_of(float low, float high) {
#if NIBBLE_HAS_MMA_F16
  return arch::ptx::cvt_rn_bf16x2_f32(low, high);
#else
  return arch::encode<format::bf16>(low) | arch::encode<format::bf16>(high) << 16;
#endif
}

/// The transform in pairs, without the product with 1/4.
template <pair_order Order>
__device__ __forceinline__ void hadamard_to_pairs(float (&values)[16], std::uint32_t (&pairs)[8]) {
  add_as_hadamard(values);
  for (int i = 0; i < 8; ++i) {
    pairs[i] = pair_of(values[low_of<Order>(i)], values[high_of<Order>(i)]);
  }
}

}  // namespace nibble::device::detail
