// SPDX-License-Identifier: Apache-2.0
// Square tiles of 16x16 whose amaxes are found from the registers that the codes are then made of: four
// lanes of a warp share a tile, and eight tiles lie side by side.
#pragma once

#include "nibble/device/pair_blocks.cuh"
#include "nibble/device/tile128.cuh"

namespace nibble::device::detail {

/// Can the tiles of a quantizer be made of pairs, without a float?
template <class T, class Quantizer>
[[nodiscard]] __device__ constexpr bool finds_squares() {
  if constexpr (has_square_tiles<Quantizer>) {
    if constexpr (std::is_same_v<T, bf16> && takes_pairs<Quantizer>) {
      return by_thresholds<tile_encoder<Quantizer>>();
    }
  }
  return false;
}

/// The lanes that share a tile with this one: eight apart.
[[nodiscard]] __device__ __forceinline__ std::uint32_t lanes_of_square() {
  return 0x0101'0101u << (threadIdx.x % 8);
}

/// The largest among the lanes that share a tile, of bits that order like magnitudes.
[[nodiscard]] __device__ __forceinline__ std::uint32_t largest_of_square(std::uint32_t largest) {
  for (int const other : {8, 16}) {
    largest = max(largest, __shfl_xor_sync(lanes_of_square(), largest, other));
  }
  return largest;
}

/// Four rows of a tile of any values, four apart, to codes and the tile's scale. values_of(r, values): the
/// 16 values of one of them, asked for twice, so that floats of one row at a time are kept. position: of the
/// first of them; those of rows are `pitch` apart.
///
/// shape   all four lanes of a tile must call it.
/// rule    NaN does not count for the amax that the scale follows from.
template <class Quantizer, bool WithThresholds, class ValuesOf>
[[nodiscard]] __device__ __forceinline__ typename Quantizer::scale_type encode_square(
    sixteen_encoder<Quantizer, WithThresholds> const& encoder, ValuesOf const& values_of,
    std::uint64_t position, std::uint64_t pitch, std::uint64_t (&codes)[4]) {
  std::uint32_t with_nan = 0, without = 0;
  for (int r = 0; r < 4; ++r) {
    float values[16];
    values_of(r, values);
    float const found = amax_or_nan(values);
    with_nan = max(with_nan, nibble::detail::float_bits(found));
    without = max(without, nibble::detail::float_bits(encoder.without_nan(found, values)));
  }
  auto const made = encoder.choose(nibble::detail::float_from_bits(largest_of_square(without)));
  float const largest = nibble::detail::float_from_bits(with_nan);
  for (int r = 0; r < 4; ++r) {
    float values[16];
    values_of(r, values);
    codes[r] = encoder.codes(values, made.encode, largest,
                             position + static_cast<std::uint64_t>(4 * r) * pitch);
  }
  return made.scale;
}

/// The same of the rare kind of a tile of bf16 in pairs.
template <class Quantizer>
[[nodiscard]] __device__ __forceinline__ typename Quantizer::scale_type encode_square_slowly(
    tile_encoder<Quantizer> const& encoder, std::uint32_t const (&pairs)[4][8],
    std::uint64_t (&codes)[4]) {
  float values[4][16];
  std::uint32_t largest = 0;
  for (int r = 0; r < 4; ++r) {
    for (int i = 0; i < 8; ++i) widen<bf16>(pairs[r][i], values[r] + 2 * i);
    largest = max(largest, scaling::row_amax_bits(values[r]));
  }
  auto const made = encoder.choose(nibble::detail::float_from_bits(largest_of_square(largest)));
  for (int r = 0; r < 4; ++r) codes[r] = encoder.slow_codes(values[r], made.encode, 0);
  return made.scale;
}

/// The same of bf16 in pairs, element 2 i of a row in the low half of pair i.
///
/// shape   a quantizer that finds_squares, and so rounds to nearest.
template <class Quantizer>
[[nodiscard]] __device__ __forceinline__ typename Quantizer::scale_type encode_square_of_pairs(
    tile_encoder<Quantizer> const& encoder, std::uint32_t const (&pairs)[4][8],
    std::uint64_t (&codes)[4]) {
  std::uint32_t both = 0;
  for (auto const& row : pairs) {
    std::uint32_t magnitudes[8];
    for (int i = 0; i < 8; ++i) magnitudes[i] = arch::ptx::abs_bf16x2(row[i]);
    both = arch::ptx::max_nan_bf16x2(both, largest_of_each(magnitudes));
  }
  for (int const other : {8, 16}) {
    both = arch::ptx::max_nan_bf16x2(both, __shfl_xor_sync(lanes_of_square(), both, other));
  }
  float const largest = larger_of_pair(both);
  auto const made = encoder.choose(largest);
  if (!is_plain(encoder, made.scale, made.encode, largest)) {
    return encode_square_slowly<Quantizer>(encoder, pairs, codes);
  }
  for (int r = 0; r < 4; ++r) {
    std::uint32_t magnitudes[8];
    find_magnitudes(encoder, pairs[r], magnitudes);
    codes[r] = plain_codes_of_pairs<pair_order::memory>(encoder, pairs[r], magnitudes, made.scale,
                                                        made.encode, 0);
  }
  return made.scale;
}

/// The encoder of tiles of T: with thresholds where their codes are made of pairs.
template <class T, class Quantizer>
using square_encoder = sixteen_encoder<Quantizer, finds_squares<T, Quantizer>()>;

/// The codes of a lane's four rows and the tile's scale, see encode_square, by pairs where that can be.
///
/// shape   from: pairs_of(r, pairs) and values_of(r, values) give the block of row 4 r, in pairs and as floats.
template <class T, class Quantizer, class Source>
[[nodiscard]] __device__ __forceinline__ typename Quantizer::scale_type encode_square_from(
    square_encoder<T, Quantizer> const& encoder, Source const& from, std::uint64_t position,
    std::uint64_t pitch, std::uint64_t (&codes)[4]) {
  if constexpr (finds_squares<T, Quantizer>()) {
    std::uint32_t pairs[4][8];
    for (int r = 0; r < 4; ++r) from.pairs_of(r, pairs[r]);
    return encode_square_of_pairs<Quantizer>(encoder, pairs, codes);
  } else {
    auto const values_of = [&](int r, float(&values)[16]) { from.values_of(r, values); };
    return encode_square(encoder, values_of, position, pitch, codes);
  }
}

/// A lane's part of a tile: the blocks of four rows, four rows apart, of a matrix whose rows are 16-byte aligned and
/// `pitch` apart.
template <class T>
struct square_values {
  static constexpr int chunks = static_cast<int>(sizeof(T));  // of 16 bytes

  uint4 chunk[4][std::size_t{chunks}];

  __device__ __forceinline__ square_values(T const* from, matrix_index pitch) {
    for (int r = 0; r < 4; ++r) {
      auto const* const row = reinterpret_cast<uint4 const*>(from + 4 * r * pitch);
      for (int c = 0; c < chunks; ++c) chunk[r][c] = row[c];
    }
  }
  __device__ __forceinline__ void pairs_of(int r, std::uint32_t (&pairs)[8]) const {
    for (int c = 0; c < 2; ++c) {
      pairs[4 * c] = chunk[r][c].x;
      pairs[4 * c + 1] = chunk[r][c].y;
      pairs[4 * c + 2] = chunk[r][c].z;
      pairs[4 * c + 3] = chunk[r][c].w;
    }
  }
  __device__ __forceinline__ void values_of(int r, float (&values)[16]) const {
    for (int c = 0; c < chunks; ++c) widen<T>(chunk[r][c], values + c * 16 / chunks);
  }
};

}  // namespace nibble::device::detail
