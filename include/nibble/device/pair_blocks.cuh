// SPDX-License-Identifier: Apache-2.0
// Blocks of sixteen bf16 numbers in pairs to codes and scales.
#pragma once

#include "nibble/device/pairs.cuh"

namespace nibble::device::detail {

/// What makes the codes of a block's pairs, which may be a multiple of its values: the scale, and what it
/// stands for in an encoder with halves; without, the factor.
template <class Quantizer>
struct chosen_pairs {
  typename Quantizer::scale_type scale;
  float factor;
  half_entry halves;
};
template <class Quantizer, bool WithHalves>
[[nodiscard]] __device__ __forceinline__ chosen_pairs<Quantizer> of_scale(
    sixteen_encoder<Quantizer, WithHalves> const& encoder, typename Quantizer::scale_type scale,
    float factor) {
  chosen_pairs<Quantizer> result{scale, factor, {}};
  if constexpr (by_halves<sixteen_encoder<Quantizer, WithHalves>>()) {
    result.halves = encoder.halves().of(scale.bits());
  }
  return result;
}

/// Are all codes of a block of the ordinary kind: neither NaN nor a product that saturates?
template <class Quantizer, bool WithHalves>
[[nodiscard]] __device__ __forceinline__ bool is_plain(
    sixteen_encoder<Quantizer, WithHalves> const&, chosen_pairs<Quantizer> const& made,
    float largest) {
  if constexpr (by_halves<sixteen_encoder<Quantizer, WithHalves>>()) {
    return made.halves.is_above(largest);
  } else {
    return sixteen_encoder<Quantizer, WithHalves>::is_plain(made.factor, largest);
  }
}

/// Of a transform that leaves a product with 1/4 to the scale: does that power of two commute with every
/// rounding?
///
/// rule    where nothing is subnormal: the amax at least 2^-100 (then what would be subnormal is far below
///         the first code) or all zero, the factor at least 2^-120, no product 7 or more.
template <class Encoder>
[[nodiscard]] __device__ __forceinline__ bool commutes(float factor, float largest) {
  return (by_halves<Encoder>() || factor >= 0x1p-120f) &&
         nibble::detail::float_bits(largest) - 1 >= nibble::detail::float_bits(0x1p-100f) - 1;
}

/// Chooses for a block of 1x16, given the amax of its pairs, four times that of its values with a Hadamard
/// transform. Returns false where the block is not of the ordinary kind.
template <class Quantizer, bool WithHalves>
[[nodiscard]] __device__ __forceinline__ bool choose_for_pairs(
    sixteen_encoder<Quantizer, WithHalves> const& encoder, float largest,
    chosen_pairs<Quantizer>& result) {
  constexpr bool is_fourfold = Quantizer::transform_type::size > 1;
  auto const made = encoder.choose(is_fourfold ? arch::multiply(largest, 0.25f) : largest);
  result =
      of_scale(encoder, made.scale, is_fourfold ? arch::multiply(made.encode, 0.25f) : made.encode);
  bool const is_ordinary = is_plain(encoder, result, largest);
  if constexpr (!is_fourfold) return is_ordinary;
  return is_ordinary && commutes<sixteen_encoder<Quantizer, WithHalves>>(result.factor, largest);
}

/// The codes and the scale of any block of 1x16 transformed values; of a scale without halves, by products.
template <class Quantizer, bool WithHalves>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_slowly(
    sixteen_encoder<Quantizer, WithHalves> const& encoder, float const (&values)[16],
    std::uint64_t position, typename Quantizer::scale_type& scale) {
  auto const made = encoder.choose(nibble::detail::float_from_bits(scaling::row_amax_bits(values)));
  scale = made.scale;
  return encoder.codes(values, made.encode, amax_or_nan(values), position);
}

/// The codes of 16 ordinary values in pairs under a scale, by products with `factor`; see
/// sixteen_encoder::plain_codes.
template <pair_order Order, class Quantizer, bool WithHalves>
[[nodiscard]] __device__ __forceinline__ std::uint64_t plain_codes_of_pairs(
    sixteen_encoder<Quantizer, WithHalves> const& encoder, std::uint32_t const (&pairs)[8],
    float factor, std::uint64_t position) {
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

/// The same of pairs as memory has them, by halves where the encoder has them.
template <class Quantizer, bool WithHalves>
[[nodiscard]] __device__ __forceinline__ std::uint64_t plain_codes_of_row(
    sixteen_encoder<Quantizer, WithHalves> const& encoder, std::uint32_t const (&pairs)[8],
    std::uint32_t const (&magnitudes)[8], chosen_pairs<Quantizer> const& made,
    [[maybe_unused]] std::uint64_t position) {
  if constexpr (by_halves<sixteen_encoder<Quantizer, WithHalves>>()) {
    half_steps const steps = encoder.halves().steps(made.halves, made.halves);
    std::uint32_t words[2];
    for (int w = 0; w < 2; ++w) words[w] = codes_of_pairs(steps, pairs + 4 * w, magnitudes + 4 * w);
    return static_cast<std::uint64_t>(words[1]) << 32 | words[0];
  } else {
    return plain_codes_of_pairs<pair_order::memory>(encoder, pairs, made.factor, position);
  }
}

/// One block of 1x16. pairs: the values or, with a Hadamard transform, their sums,
/// four times the values. again(values): the transformed values once more, for the rare cases.
template <pair_order Order, class Quantizer, bool WithHalves, class Again>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_pairs(
    sixteen_encoder<Quantizer, WithHalves> const& encoder, std::uint32_t const (&pairs)[8],
    std::uint64_t position, typename Quantizer::scale_type& scale, Again const& again) {
  std::uint32_t magnitudes[8];
  find_magnitudes(pairs, magnitudes);
  chosen_pairs<Quantizer> made;
  if (!choose_for_pairs(encoder, larger_of_pair(largest_of_each(magnitudes)), made)) {
    float values[16];
    again(values);
    return encode_slowly(encoder, values, position, scale);
  }
  scale = made.scale;
  if constexpr (Order == pair_order::memory) {
    return plain_codes_of_row(encoder, pairs, magnitudes, made, position);
  } else {
    return plain_codes_of_pairs<Order>(encoder, pairs, made.factor, position);
  }
}

/// The codes of two blocks that lie across under two scales, by halves.
template <class Quantizer, bool WithHalves>
__device__ __forceinline__ void plain_codes_of_columns(
    sixteen_encoder<Quantizer, WithHalves> const& encoder, std::uint32_t const (&rows)[16],
    std::uint32_t const (&magnitudes)[16], chosen_pairs<Quantizer> const& left,
    chosen_pairs<Quantizer> const& right, std::uint64_t (&codes)[2]) {
  half_steps const steps = encoder.halves().steps(left.halves, right.halves);
  std::uint32_t upper[2], lower[2];
  codes_of_columns(steps, rows, magnitudes, upper);
  codes_of_columns(steps, rows + 8, magnitudes + 8, lower);
  for (int c = 0; c < 2; ++c) codes[c] = static_cast<std::uint64_t>(lower[c]) << 32 | upper[c];
}

/// Two blocks of 1x16 that lie across: of each row a word, an element of either block in its halves, four
/// times as large with a Hadamard transform. again(values, block): as above.
///
/// shape   encoders with halves.
template <class Quantizer, bool WithHalves, class Again>
__device__ __forceinline__ void encode_columns_of_pairs(
    sixteen_encoder<Quantizer, WithHalves> const& encoder, std::uint32_t const (&rows)[16],
    typename Quantizer::scale_type (&scales)[2], std::uint64_t (&codes)[2], Again const& again) {
  std::uint32_t magnitudes[16];
  find_magnitudes(rows, magnitudes);
  float largest[2];
  widen<bf16>(largest_of_each(magnitudes), largest);
  chosen_pairs<Quantizer> left, right;
  bool const is_left = choose_for_pairs(encoder, largest[0], left),
             is_right = choose_for_pairs(encoder, largest[1], right);
  if (!is_left || !is_right) {
    for (int c = 0; c < 2; ++c) {
      float values[16];
      again(values, c);
      codes[c] = encode_slowly(encoder, values, 0, scales[c]);
    }
    return;
  }
  scales[0] = left.scale;
  scales[1] = right.scale;
  plain_codes_of_columns(encoder, rows, magnitudes, left, right, codes);
}

/// Can encode_row_of_pairs make a quantizer's blocks?
template <class Quantizer>
inline constexpr bool takes_rows_of_pairs = takes_pairs<Quantizer>;
template <class Quantizer>
requires makes_sixteens<Quantizer> && chooses_four_or_six<Quantizer>
inline constexpr bool takes_rows_of_pairs<Quantizer> = Quantizer::transform_type::size == 1;

/// One block of 1x16 from 16 numbers in pairs as memory has them, element 2 i in the low half.
template <class Quantizer, bool WithHalves>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_row_of_pairs(
    sixteen_encoder<Quantizer, WithHalves> const& encoder, std::uint32_t const (&stored)[8],
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
    constexpr auto order = by_halves<sixteen_encoder<Quantizer, WithHalves>>() ? pair_order::memory
                                                                               : pair_order::split;
    add_as_hadamard(values);
    for (int i = 0; i < 8; ++i) {
      pairs[i] = pair_of(values[low_of<order>(i)], values[high_of<order>(i)]);
    }
    return encode_pairs<order>(encoder, pairs, position, scale, again);
  }
}

}  // namespace nibble::device::detail
