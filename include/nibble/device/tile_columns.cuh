// SPDX-License-Identifier: Apache-2.0
// The blocks of a tile in shared memory along its columns.
#pragma once

#include "nibble/device/tile_blocks.cuh"

namespace nibble::device::detail {

/// Column `c` of 16 words of two bf16 each, as floats. load(k): word k.
template <class Load>
__device__ __forceinline__ void widen_column(Load const& load, int c, float (&values)[16]) {
  for (int k = 0; k < 16; ++k) {
    float both[2];
    widen<bf16>(load(k), both);
    values[k] = both[c];
  }
}

/// The codes and scales of two neighbouring columns of 16 words of two bf16 each, by thresholds.
/// again(values, c): column c as floats, transformed, for the rare cases.
template <class Quantizer, class Memory, class Place, class Again>
__device__ __forceinline__ void encode_two_columns(std::uint32_t (&rows)[16],
                                                   tile_encoder<Quantizer> const& encoder,
                                                   [[maybe_unused]] Memory const& memory,
                                                   [[maybe_unused]] Place const& at,
                                                   typename Quantizer::scale_type (&scales)[2],
                                                   std::uint64_t (&codes)[2], Again const& again) {
  if constexpr (has_square_tiles<Quantizer>) {
    auto const scale = memory.tile_scale[at.square];
    float const encode = memory.encode[at.square];
    for (auto& each : scales) each = scale;
    if (is_plain(encoder, scale, encode, at.largest)) {
      std::uint32_t magnitudes[16];
      find_magnitudes(encoder, rows, magnitudes);
      return plain_codes_of_columns(encoder, rows, magnitudes, scale, scale, codes);
    }
    for (int c = 0; c < 2; ++c) {
      float values[16];
      again(values, c);
      codes[c] = encoder.slow_codes(values, encode, at.position);
    }
  } else {
    if constexpr (Quantizer::transform_type::size > 1) {
      float values[2][16];
      for (int c = 0; c < 2; ++c) {
        widen_column([&](int k) { return rows[k]; }, c, values[c]);
        add_as_hadamard(values[c]);
      }
      for (int k = 0; k < 16; ++k) rows[k] = pair_of(values[0][k], values[1][k]);
    }
    encode_columns_of_pairs(encoder, rows, scales, codes, again);
  }
}

/// The codes and the scale of column `c` of 16 words of two bf16 each, by products.
/// again(values): the column as floats, transformed, for the rare cases.
template <class Quantizer, class Memory, class Place, class Again>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_column_of_pairs(
    std::uint32_t const (&words)[16], int c, tile_encoder<Quantizer> const& encoder,
    Memory const& memory, Place const& at, typename Quantizer::scale_type& scale,
    Again const& again) {
  constexpr auto order = pair_order::split;
  std::uint32_t pairs[8];
  if constexpr (Quantizer::transform_type::size == 1) {
    for (int i = 0; i < 8; ++i) {
      pairs[i] =
          __byte_perm(words[low_of<order>(i)], words[high_of<order>(i)], c == 0 ? 0x5410 : 0x7632);
    }
    return encode_block_of_pairs<order>(pairs, encoder, memory, at, scale, again);
  } else {
    float values[16];
    widen_column([&](int k) { return words[k]; }, c, values);
    hadamard_to_pairs<order>(values, pairs);
    return encode_pairs<order>(encoder, pairs, at.position, scale, again);
  }
}

/// How many columns of a tile of T lie in a word.
template <class T>
inline constexpr int columns_per_word = 4 / static_cast<int>(sizeof(T));

/// The codes and scales of a block of as many columns as a word of a tile holds, the first at `at`; first: its first word.
template <class T, class Quantizer, class Memory, bool Decoded, std::size_t Count>
__device__ __forceinline__ void encode_word_of_columns(
    std::uint32_t const* first, tile_encoder<Quantizer, T> const& encoder, Memory const& memory,
    tile_place<Decoded> const& place, block_place<Decoded> at, float const* largest,
    typename Quantizer::scale_type (&scales)[Count], std::uint64_t (&codes)[Count]) {
  auto const load = [&](int k) { return first[4 * chunks_per_row<T> * k]; };
  note_square<Quantizer>(at, at.block * blocks_per_edge + at.row / 16, largest);
  if constexpr (std::is_same_v<T, bf16> && takes_pairs<Quantizer>) {
    auto const again = [&](float(&values)[16], int c) {
      widen_column(load, c, values);
      encoder.transform(values);
    };
    std::uint32_t words[16];
    for (int k = 0; k < 16; ++k) {
      words[k] = load(k) ^ signs_of_both(encoder.policies().transform, k);
    }
    if constexpr (by_thresholds<tile_encoder<Quantizer>>()) {
      encode_two_columns<Quantizer>(words, encoder, memory, at, scales, codes, again);
    } else {
#pragma unroll
      for (int c = 0; c < static_cast<int>(Count); ++c, at.move(place, 1)) {
        codes[c] = encode_column_of_pairs<Quantizer>(words, c, encoder, memory, at, scales[c],
                                                     [&](float(&values)[16]) { again(values, c); });
      }
    }
  } else {
    float values[Count][16];
    for (int k = 0; k < 16; ++k) {
      float found[Count];
      widen<T>(load(k), found);
      for (int c = 0; c < static_cast<int>(Count); ++c) values[c][k] = found[c];
    }
#pragma unroll
    for (int c = 0; c < static_cast<int>(Count); ++c, at.move(place, 1)) {
      codes[c] = encode_block(values[c], encoder, memory, at, scales[c]);
    }
  }
}

/// A thread's first block along the columns of a tile of T: a thread takes the columns of one word, so that two-byte
/// values come in pairs, and lane l those of word l / 8 of 4 and block l % 8, so that the codes of a column leave in 64
/// bytes.
template <class T>
[[nodiscard]] __device__ __forceinline__ first_block first_in_columns() {
  int const lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  return {(warp * 4 + lane / 8) * columns_per_word<T>, lane % 8};
}

/// The tile's blocks along its columns. to: where the thread's first one is written.
template <class T, class Quantizer, class Memory, bool Decoded>
__device__ __forceinline__ void encode_columns(uint4 const* tile,
                                               tile_encoder<Quantizer, T> const& encoder,
                                               Memory& memory, tile_place<Decoded> const& place,
                                               std::uint8_t* to, float const* largest) {
  constexpr int together = columns_per_word<T>, step = 8 * 4 * together;
  auto const [row, block] = first_in_columns<T>();
  if (block >= place.blocks) return;
  int const word = row / together;
  block_place<Decoded> at(place, row, block, 4 * chunk_place<T>(16 * block, word / 4) + word % 4,
                          to);
  auto* scale = memory.scales[row] + block;
  auto const* const words = reinterpret_cast<std::uint32_t const*>(tile);
#pragma unroll 1
  for (int i = 0; i < tile_edge / step && place.rows > at.row; ++i) {
    typename Quantizer::scale_type scales[std::size_t{together}];
    std::uint64_t codes[std::size_t{together}];
    // The words of a warp are a chunk; the one 8 i chunks on is where this one is, exclusive or 9 i.
    encode_word_of_columns<T, Quantizer>(words + (at.values ^ 4 * 9 * i), encoder, memory, place,
                                         at, largest, scales, codes);
    for (int c = 0; c < together; ++c, at.move(place, 1)) {
      scale[c * Memory::across] = scales[c];
      store_block(at, codes[c], scales[c]);
    }
    at.move(place, step - together);
    scale += step * Memory::across;
  }
}

}  // namespace nibble::device::detail
