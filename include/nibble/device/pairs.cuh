// SPDX-License-Identifier: Apache-2.0
// Sixteen bf16 numbers that lie in pairs, as memory has them, to codes: what can be done for two at
// once is, and the Hadamard transform of 16 leaves its last product to the scale.
#pragma once

#include "nibble/device/sixteen.cuh"
#include "nibble/transform/random_hadamard.hpp"

namespace nibble::device::detail {

/// Is it a Hadamard transform of 16 with a bf16 result?
template <class Transform>
inline constexpr bool is_hadamard_16 = false;
template <>
inline constexpr bool is_hadamard_16<transform::hadamard<16, bf16>> = true;
template <>
inline constexpr bool is_hadamard_16<transform::random_hadamard<16, bf16>> = true;

/// Can a quantizer's blocks be made of pairs?
template <class Quantizer>
inline constexpr bool takes_pairs = false;
template <class Quantizer>
requires makes_sixteens<Quantizer> && sixteen_encoder<Quantizer>::needs_amax_only &&
    sixteen_encoder<Quantizer>::is_quick inline constexpr bool takes_pairs<Quantizer> =
        Quantizer::transform_type::size == 1 || is_hadamard_16<typename Quantizer::transform_type>;

/// The sign that the transform flips element i by: 2^31 or 0.
template <class Transform>
[[nodiscard]] __device__ __forceinline__ std::uint32_t sign_of([[maybe_unused]] Transform const& t,
                                                               [[maybe_unused]] int i) {
  if constexpr (requires { t.signs; }) {
    return (t.signs[0] >> i & 1u) << 31;
  } else {
    return 0;
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

/// The signs of 8 values in 4 pairs, value i's in bit 4 i + 3.
[[nodiscard]] __device__ __forceinline__ std::uint32_t signs_of_pairs(std::uint32_t const* pairs) {
  std::uint32_t const front = __byte_perm(pairs[0], pairs[1], 0x7351),
                      back = __byte_perm(pairs[2], pairs[3], 0x7351);
  std::uint32_t const even = __byte_perm(front, back, 0x5410),
                      odd = __byte_perm(front, back, 0x7632);
  return (even >> 4 & 0x0808'0808u) | (odd & 0x8080'8080u);
}

/// The sums and differences of a Hadamard transform of 16, in its order, rounded to bf16 without the
/// product with 1/4.
__device__ __forceinline__ void hadamard_to_pairs(float (&values)[16], std::uint32_t (&pairs)[8]) {
  for (int stride = 1; stride < 16; stride *= 2) {
    for (int first = 0; first < 16; first += 2 * stride) {
      for (int i = first; i < first + stride; ++i) {
        float const a = values[i], b = values[i + stride];
        values[i] = arch::add(a, b);
        values[i + stride] = arch::subtract(a, b);
      }
    }
  }
  for (int i = 0; i < 8; ++i) {
#if NIBBLE_HAS_MMA_F16
    pairs[i] = arch::ptx::cvt_rn_bf16x2_f32(values[2 * i], values[2 * i + 1]);
#else
    pairs[i] = arch::encode<format::bf16>(values[2 * i]) |
               arch::encode<format::bf16>(values[2 * i + 1]) << 16;
#endif
  }
}

/// The codes of 16 values in pairs, times `factor`; see sixteen_encoder::plain_codes.
template <class Quantizer>
[[nodiscard]] __device__ __forceinline__ std::uint64_t plain_codes_of_pairs(
    sixteen_encoder<Quantizer> const& encoder, std::uint32_t const (&pairs)[8], float factor,
    std::uint64_t position) {
  float values[16];
  for (int i = 0; i < 8; ++i) widen<bf16>(pairs[i], values + 2 * i);
  return encoder.plain_codes(values, factor, position,
                             [&](int word) { return signs_of_pairs(pairs + 4 * word); });
}

/// One block of 1x16. pairs: the values or, with a Hadamard transform, what hadamard_to_pairs made,
/// four times the values. again(values): the transformed values once more, for the rare cases.
///
/// rule    that power of two commutes with every rounding where nothing is subnormal: the amax at
///         least 2^-100 (then what would be subnormal is far below the first code) or all zero, the
///         factor at least 2^-120, no product 7 or more.
template <class Quantizer, class Again>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_pairs(
    sixteen_encoder<Quantizer> const& encoder, std::uint32_t const (&pairs)[8],
    std::uint64_t position, typename Quantizer::scale_type& scale, Again const& again) {
  constexpr bool is_fourfold = Quantizer::transform_type::size > 1;
  float const largest = amax_of_pairs(pairs);
  auto made = encoder.choose(is_fourfold ? arch::multiply(largest, 0.25f) : largest);
  float const factor = is_fourfold ? arch::multiply(made.encode, 0.25f) : made.encode;
  bool is_plain = is_below_7(arch::multiply(largest, factor));
  if constexpr (is_fourfold) {
    is_plain = is_plain && factor >= 0x1p-120f &&
               nibble::detail::float_bits(largest) - 1 >= nibble::detail::float_bits(0x1p-100f) - 1;
  }
  if (!is_plain) {
    float values[16];
    again(values);
    made = encoder.choose(nibble::detail::float_from_bits(scaling::row_amax_bits(values)));
    scale = made.scale;
    return encoder.slow_codes(values, made.encode, position);
  }
  scale = made.scale;
  return plain_codes_of_pairs(encoder, pairs, factor, position);
}

/// One block of 1x16 from 16 numbers in pairs as memory has them, element 2 i in the low half.
template <class Quantizer>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_row_of_pairs(
    sixteen_encoder<Quantizer> const& encoder, std::uint32_t const (&stored)[8],
    std::uint64_t position, typename Quantizer::scale_type& scale) {
  auto const again = [&](float(&values)[16]) {
    for (int i = 0; i < 8; ++i) widen<bf16>(stored[i], values + 2 * i);
    encoder.transform(values);
  };
  if constexpr (Quantizer::transform_type::size == 1) {
    return encode_pairs(encoder, stored, position, scale, again);
  } else {
    auto const& transform = encoder.policies().transform;
    float values[16];
    for (int i = 0; i < 8; ++i) {
      std::uint32_t const signs = sign_of(transform, 2 * i) >> 16 | sign_of(transform, 2 * i + 1);
      widen<bf16>(stored[i] ^ signs, values + 2 * i);
    }
    std::uint32_t pairs[8];
    hadamard_to_pairs(values, pairs);
    return encode_pairs(encoder, pairs, position, scale, again);
  }
}

}  // namespace nibble::device::detail
