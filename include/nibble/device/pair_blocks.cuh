// SPDX-License-Identifier: Apache-2.0
// Blocks of sixteen bf16 numbers in pairs to codes and scales.
#pragma once

#include "nibble/device/pairs.cuh"

namespace nibble::device::detail {

/// The magnitudes of pairs, with the floor that thresholds ask for where the encoder has them.
template <class Encoder, std::size_t Count>
__device__ __forceinline__ void find_magnitudes([[maybe_unused]] Encoder const& encoder,
                                                std::uint32_t const (&pairs)[Count],
                                                std::uint32_t (&magnitudes)[Count]) {
  if constexpr (by_thresholds<Encoder>()) {
    std::uint32_t const floor = encoder.thresholds().floor();
    for (std::size_t i = 0; i < Count; ++i) {
      magnitudes[i] = arch::ptx::add_rn_abs_f16x2(floor, pairs[i]);
    }
  } else {
    for (std::size_t i = 0; i < Count; ++i) magnitudes[i] = arch::ptx::abs_bf16x2(pairs[i]);
  }
}

/// The codes of 16 values in pairs under a scale, by its thresholds, or times `factor` where there are
/// none; see sixteen_encoder::plain_codes.
template <pair_order Order, class Quantizer, bool WithThresholds>
[[nodiscard]] __device__ __forceinline__ std::uint64_t plain_codes_of_pairs(
    sixteen_encoder<Quantizer, WithThresholds> const& encoder, std::uint32_t const (&pairs)[8],
    [[maybe_unused]] std::uint32_t const (&magnitudes)[8],
    [[maybe_unused]] typename Quantizer::scale_type scale, [[maybe_unused]] float factor,
    [[maybe_unused]] std::uint64_t position) {
  if constexpr (by_thresholds<sixteen_encoder<Quantizer, WithThresholds>>()) {
    thresholds const from = encoder.thresholds().of(scale.bits());
    std::uint32_t words[2];
    for (int w = 0; w < 2; ++w) {
      words[w] = codes_of_pairs<Order>(from, pairs + 4 * w, magnitudes + 4 * w);
    }
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

/// The scale of a block of pairs, and the factor for them, a quarter of the scale's where pairs are four times the
/// values.
template <class Quantizer>
struct chosen_pairs {
  typename Quantizer::scale_type scale;
  float factor;
};

/// Chooses for a block of 1x16, given the amax of its pairs, as find_magnitudes has it: the values or, with a Hadamard
/// transform, what hadamard_to_pairs made, four times the values. Returns false where codes must be made otherwise, or
/// where all are zero, if there is a floor: then the amax is above the limit of the scale 0.
///
/// rule    that power of two commutes with every rounding where nothing is subnormal: the amax at
///         least 2^-100 (then what would be subnormal is far below the first code) or all zero, the
///         factor at least 2^-120, no product 7 or more. An amax that the floor has moved gets the scale 0, and no
///         block but one of zeros is ordinary then: see leaves_room_for_floor.
template <class Quantizer, bool WithThresholds>
[[nodiscard]] __device__ __forceinline__ bool choose_for_pairs(
    sixteen_encoder<Quantizer, WithThresholds> const& encoder, float largest,
    chosen_pairs<Quantizer>& result) {
  constexpr bool is_fourfold = Quantizer::transform_type::size > 1;
  auto const made = encoder.choose(is_fourfold ? arch::multiply(largest, 0.25f) : largest);
  result = {made.scale, is_fourfold ? arch::multiply(made.encode, 0.25f) : made.encode};
  bool const is_ordinary = is_plain(encoder, result.scale, result.factor, largest);
  if constexpr (!is_fourfold) return is_ordinary;
  return is_ordinary &&
         (by_thresholds<sixteen_encoder<Quantizer, WithThresholds>>() ||
          result.factor >= 0x1p-120f) &&
         nibble::detail::float_bits(largest) - 1 >= nibble::detail::float_bits(0x1p-100f) - 1;
}

/// The codes and the scale of any block of 1x16 transformed values.
template <class Quantizer, bool WithThresholds>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_slowly(
    sixteen_encoder<Quantizer, WithThresholds> const& encoder, float const (&values)[16],
    std::uint64_t position, typename Quantizer::scale_type& scale) {
  auto const made = encoder.choose(nibble::detail::float_from_bits(scaling::row_amax_bits(values)));
  scale = made.scale;
  return encoder.slow_codes(values, made.encode, position);
}

/// Are the values that `mask` leaves of some pairs all zero?
template <std::size_t Count>
[[nodiscard]] __device__ __forceinline__ bool are_zeros(std::uint32_t const (&pairs)[Count],
                                                        std::uint32_t mask) {
  std::uint32_t any = 0;
  for (std::uint32_t const pair : pairs) any |= pair;
  return (any & mask & 0x7FFF'7FFFu) == 0;
}

/// One block of 1x16 in pairs, as choose_for_pairs takes them. again(values): the transformed values once
/// more, for the rare cases.
template <pair_order Order, class Quantizer, bool WithThresholds, class Again>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_pairs(
    sixteen_encoder<Quantizer, WithThresholds> const& encoder, std::uint32_t const (&pairs)[8],
    std::uint64_t position, typename Quantizer::scale_type& scale, Again const& again) {
  std::uint32_t magnitudes[8];
  find_magnitudes(encoder, pairs, magnitudes);
  chosen_pairs<Quantizer> made;
  bool is_ordinary = choose_for_pairs(encoder, larger_of_pair(largest_of_each(magnitudes)), made);
  if constexpr (by_thresholds<sixteen_encoder<Quantizer, WithThresholds>>()) {
    is_ordinary = is_ordinary || are_zeros(pairs, 0xFFFF'FFFFu);
  }
  if (!is_ordinary) {
    float values[16];
    again(values);
    return encode_slowly(encoder, values, position, scale);
  }
  scale = made.scale;
  return plain_codes_of_pairs<Order>(encoder, pairs, magnitudes, made.scale, made.factor, position);
}

/// The codes of two blocks that lie across under two scales, by thresholds: of each row a word, an element of
/// either block in its halves.
template <class Quantizer, bool WithThresholds>
__device__ __forceinline__ void plain_codes_of_columns(
    sixteen_encoder<Quantizer, WithThresholds> const& encoder, std::uint32_t const (&rows)[16],
    std::uint32_t const (&magnitudes)[16], typename Quantizer::scale_type left,
    typename Quantizer::scale_type right, std::uint64_t (&codes)[2]) {
  auto const table = encoder.thresholds();
  thresholds const from = of_halves(table.of(left.bits()), table.of(right.bits()));
  std::uint32_t upper[2], lower[2];
  codes_of_columns(from, rows, magnitudes, upper);
  codes_of_columns(from, rows + 8, magnitudes + 8, lower);
  for (int c = 0; c < 2; ++c) codes[c] = static_cast<std::uint64_t>(lower[c]) << 32 | upper[c];
}

/// Two blocks of 1x16 that lie across, as choose_for_pairs takes them. again(values, block): as above.
///
/// shape   encoders with thresholds.
template <class Quantizer, bool WithThresholds, class Again>
__device__ __forceinline__ void encode_columns_of_pairs(
    sixteen_encoder<Quantizer, WithThresholds> const& encoder, std::uint32_t const (&rows)[16],
    typename Quantizer::scale_type (&scales)[2], std::uint64_t (&codes)[2], Again const& again) {
  std::uint32_t magnitudes[16];
  find_magnitudes(encoder, rows, magnitudes);
  float largest[2];
  widen<bf16>(largest_of_each(magnitudes), largest);
  chosen_pairs<Quantizer> left, right;
  bool const is_left = choose_for_pairs(encoder, largest[0], left) || are_zeros(rows, 0x0000'FFFFu);
  bool const is_right =
      choose_for_pairs(encoder, largest[1], right) || are_zeros(rows, 0xFFFF'0000u);
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
  plain_codes_of_columns(encoder, rows, magnitudes, left.scale, right.scale, codes);
}

/// Can encode_row_of_pairs make a quantizer's blocks?
template <class Quantizer>
inline constexpr bool takes_rows_of_pairs = takes_pairs<Quantizer>;
template <class Quantizer>
requires makes_sixteens<Quantizer> && chooses_four_or_six<Quantizer>
inline constexpr bool takes_rows_of_pairs<Quantizer> = Quantizer::transform_type::size == 1;

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
