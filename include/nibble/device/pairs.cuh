// SPDX-License-Identifier: Apache-2.0
// Sixteen bf16 numbers that lie in pairs, as memory has them, to codes: what can be done for two at
// once is, and the Hadamard transform of 16 leaves its last product to the scale.
#pragma once

#include "nibble/device/prepared.cuh"
#include "nibble/device/sixteen.cuh"

namespace nibble::device::detail {

/// Is it a Hadamard transform of 16 with a bf16 result?
template <class Transform>
inline constexpr bool is_hadamard_16 = false;
template <>
inline constexpr bool is_hadamard_16<transform::hadamard<16, bf16>> = true;
template <>
inline constexpr bool is_hadamard_16<transform::random_hadamard<16, bf16>> = true;
template <>
inline constexpr bool is_hadamard_16<hadamard_16_by_pairs> = true;

/// Can a quantizer's blocks be made of pairs?
template <class Quantizer>
inline constexpr bool takes_pairs = false;
template <class Quantizer>
requires makes_sixteens<Quantizer> && sixteen_encoder<Quantizer>::needs_amax_only &&
    sixteen_encoder<Quantizer>::is_quick inline constexpr bool takes_pairs<Quantizer> =
        Quantizer::transform_type::size == 1 || is_hadamard_16<typename Quantizer::transform_type>;

/// Are they made by thresholds? Not where an instruction makes codes, nor where packed minima are long.
template <class Encoder>
[[nodiscard]] __device__ constexpr bool by_thresholds() {
#if NIBBLE_HAS_DPX && !NIBBLE_HAS_CVT_E2M1
  return Encoder::has_thresholds;
#else
  return false;
#endif
}

/// Fills the tables of an encoder; all threads of a block, each with a number of its own.
template <class Quantizer, bool WithThresholds>
__device__ __forceinline__ void fill_tables(
    sixteen_encoder<Quantizer, WithThresholds> const& encoder, unsigned thread = threadIdx.x) {
  encoder.fill_table(thread);
  if constexpr (by_thresholds<sixteen_encoder<Quantizer, WithThresholds>>()) {
    encoder.thresholds().fill(Quantizer::transform_type::size > 1 ? 0.25f : 1.0f, thread);
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

/// The largest magnitude of 16 values, NaN if there is one.
[[nodiscard]] __device__ __forceinline__ float amax_of_pairs(std::uint32_t const (&pairs)[8]) {
  std::uint32_t largest[2]{};
  for (int i = 0; i < 8; ++i) {
    largest[i % 2] = arch::ptx::max_nan_abs_bf16x2(largest[i % 2], pairs[i]);
  }
  float values[2];
  widen<bf16>(arch::ptx::max_nan_abs_bf16x2(largest[0], largest[1]), values);
  return arch::ptx::max_nan_abs_f32(values[0], values[1]);
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

/// The same rounded to bf16 without the product with 1/4.
template <pair_order Order>
__device__ __forceinline__ void hadamard_to_pairs(float (&values)[16], std::uint32_t (&pairs)[8]) {
  add_as_hadamard(values);
  for (int i = 0; i < 8; ++i) {
    float const low = values[low_of<Order>(i)], high = values[high_of<Order>(i)];
#if NIBBLE_HAS_MMA_F16
    pairs[i] = arch::ptx::cvt_rn_bf16x2_f32(low, high);
#else
    pairs[i] = arch::encode<format::bf16>(low) | arch::encode<format::bf16>(high) << 16;
#endif
  }
}

/// The codes of 16 values in pairs under a scale, by its thresholds, or times `factor` where there are
/// none; see sixteen_encoder::plain_codes.
template <pair_order Order, class Quantizer, bool WithThresholds>
[[nodiscard]] __device__ __forceinline__ std::uint64_t plain_codes_of_pairs(
    sixteen_encoder<Quantizer, WithThresholds> const& encoder, std::uint32_t const (&pairs)[8],
    [[maybe_unused]] typename Quantizer::scale_type scale, [[maybe_unused]] float factor,
    [[maybe_unused]] std::uint64_t position) {
  if constexpr (by_thresholds<sixteen_encoder<Quantizer, WithThresholds>>()) {
    thresholds const from = encoder.thresholds().of(scale.bits());
    std::uint32_t words[2];
    for (int w = 0; w < 2; ++w) words[w] = codes_of_pairs<Order>(from, pairs + 4 * w);
    return static_cast<std::uint64_t>(words[1]) << 32 | words[0];
  } else {
    float values[16];
    for (int i = 0; i < 8; ++i) {
      float both[2];
      widen<bf16>(pairs[i], both);
      values[low_of<Order>(i)] = both[0];
      values[high_of<Order>(i)] = both[1];
    }
    return encoder.plain_codes(values, factor, position,
                               [&](int word) { return signs_of_pairs<Order>(pairs + 4 * word); });
  }
}

/// May codes of pairs be made by plain_codes_of_pairs: is there neither NaN nor a product that
/// saturates?
template <class Quantizer, bool WithThresholds>
[[nodiscard]] __device__ __forceinline__ bool is_plain(
    sixteen_encoder<Quantizer, WithThresholds> const& encoder,
    [[maybe_unused]] typename Quantizer::scale_type scale, [[maybe_unused]] float factor,
    float largest) {
  if constexpr (by_thresholds<sixteen_encoder<Quantizer, WithThresholds>>()) {
    return nibble::detail::float_bits(largest) < encoder.thresholds().limit_of(scale.bits());
  } else {
    return encoder.is_plain(factor, largest);
  }
}

/// One block of 1x16. pairs: the values or, with a Hadamard transform, what hadamard_to_pairs made,
/// four times the values. again(values): the transformed values once more, for the rare cases.
///
/// rule    that power of two commutes with every rounding where nothing is subnormal: the amax at
///         least 2^-100 (then what would be subnormal is far below the first code) or all zero, the
///         factor at least 2^-120, no product 7 or more.
template <pair_order Order, class Quantizer, bool WithThresholds, class Again>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_pairs(
    sixteen_encoder<Quantizer, WithThresholds> const& encoder, std::uint32_t const (&pairs)[8],
    std::uint64_t position, typename Quantizer::scale_type& scale, Again const& again) {
  constexpr bool is_fourfold = Quantizer::transform_type::size > 1;
  float const largest = amax_of_pairs(pairs);
  auto made = encoder.choose(is_fourfold ? arch::multiply(largest, 0.25f) : largest);
  float const factor = is_fourfold ? arch::multiply(made.encode, 0.25f) : made.encode;
  bool is_quick = is_plain(encoder, made.scale, factor, largest);
  if constexpr (is_fourfold) {
    is_quick =
        is_quick &&
        (by_thresholds<sixteen_encoder<Quantizer, WithThresholds>>() || factor >= 0x1p-120f) &&
        nibble::detail::float_bits(largest) - 1 >= nibble::detail::float_bits(0x1p-100f) - 1;
  }
  if (!is_quick) {
    float values[16];
    again(values);
    made = encoder.choose(nibble::detail::float_from_bits(scaling::row_amax_bits(values)));
    scale = made.scale;
    return encoder.slow_codes(values, made.encode, position);
  }
  scale = made.scale;
  return plain_codes_of_pairs<Order>(encoder, pairs, made.scale, factor, position);
}

/// Can encode_row_of_pairs make a quantizer's blocks?
template <class Quantizer>
inline constexpr bool takes_rows_of_pairs = takes_pairs<Quantizer>;
template <class Quantizer>
requires makes_sixteens<Quantizer> &&
    chooses_four_or_six<Quantizer> inline constexpr bool takes_rows_of_pairs<Quantizer> =
        Quantizer::transform_type::size == 1;

/// One block of 1x16 from 16 numbers in pairs as memory has them, element 2 i in the low half.
template <class Quantizer, bool WithThresholds>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_row_of_pairs(
    sixteen_encoder<Quantizer, WithThresholds> const& encoder, std::uint32_t const (&stored)[8],
    std::uint64_t position, typename Quantizer::scale_type& scale) {
  [[maybe_unused]] auto const again = [&](float(&values)[16]) {
    for (int i = 0; i < 8; ++i) widen<bf16>(stored[i], values + 2 * i);
    encoder.transform(values);
  };
  if constexpr (chooses_four_or_six<Quantizer>) {
    float values[16];
    for (int i = 0; i < 8; ++i) widen<bf16>(stored[i], values + 2 * i);
    return encoder.by_policy(values, amax_of_pairs(stored), position, scale, [&](int word) {
      return signs_of_pairs<pair_order::memory>(stored + 4 * word);
    });
  } else if constexpr (Quantizer::transform_type::size == 1) {
    return encode_pairs<pair_order::memory>(encoder, stored, position, scale, again);
  } else {
    auto const& transform = encoder.policies().transform;
    float values[16];
    for (int i = 0; i < 8; ++i) {
      widen<bf16>(stored[i] ^ signs_of_neighbours(transform, i), values + 2 * i);
    }
    std::uint32_t pairs[8];
    hadamard_to_pairs<pair_order::split>(values, pairs);
    return encode_pairs<pair_order::split>(encoder, pairs, position, scale, again);
  }
}

}  // namespace nibble::device::detail
