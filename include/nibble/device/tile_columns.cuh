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

/// The codes of two neighbouring columns of 16 words of two bf16 each, by thresholds; their scales are kept.
/// again(values, c): column c as floats, transformed, for the rare cases.
template <class Quantizer, class Place, class Again>
__device__ __forceinline__ void encode_two_columns(std::uint32_t (&rows)[16],
                                                   tile_encoder<Quantizer> const& encoder,
                                                   side_memory<Quantizer>& memory, Place const& at,
                                                   std::uint64_t (&codes)[2], Again const& again) {
  if constexpr (has_square_tiles<Quantizer>) {
    auto const scale = memory.tile_scale[at.square];
    float const encode = memory.encode[at.square];
    for (int c = 0; c < 2; ++c) memory.scales[at.row + c][at.block] = scale;
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
    typename Quantizer::scale_type scales[2];
    encode_columns_of_pairs(encoder, rows, scales, codes, again);
    for (int c = 0; c < 2; ++c) memory.scales[at.row + c][at.block] = scales[c];
  }
}

/// The codes of column `c` of 16 words of two bf16 each, by products; its scale is kept.
/// again(values): the column as floats, transformed, for the rare cases.
template <class Quantizer, class Place, class Again>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_column_of_pairs(
    std::uint32_t const (&words)[16], int c, tile_encoder<Quantizer> const& encoder,
    side_memory<Quantizer>& memory, Place const& at, Again const& again) {
  constexpr auto order = pair_order::split;
  std::uint32_t pairs[8];
  if constexpr (Quantizer::transform_type::size == 1) {
    for (int i = 0; i < 8; ++i) {
      pairs[i] =
          __byte_perm(words[low_of<order>(i)], words[high_of<order>(i)], c == 0 ? 0x5410 : 0x7632);
    }
    return encode_block_of_pairs<order>(pairs, encoder, memory, at, again);
  } else {
    float values[16];
    widen_column([&](int k) { return words[k]; }, c, values);
    hadamard_to_pairs<order>(values, pairs);
    return encode_pairs<order>(encoder, pairs, at.position, memory.scales[at.row][at.block], again);
  }
}

/// One block of as many columns as a word of a tile holds, at `at`; first: its first word.
template <class T, class Quantizer, bool Decoded>
__device__ __forceinline__ void encode_word_of_columns(std::uint32_t const* first,
                                                       tile_encoder<Quantizer> const& encoder,
                                                       side_memory<Quantizer>& memory,
                                                       tile_place<Decoded> const& place,
                                                       block_place<Decoded> at,
                                                       float const* largest) {
  constexpr unsigned together = 4 / sizeof(T);
  auto const load = [&](int k) { return first[4 * chunks_per_row<T> * k]; };
  auto const note = [&] {
    note_square<Quantizer>(at, at.block * blocks_per_edge + at.row / 16, largest);
  };
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
      note();
      std::uint64_t codes[2];
      encode_two_columns<Quantizer>(words, encoder, memory, at, codes, again);
      for (int c = 0; c < 2; ++c, at.move(place, 1)) {
        store_block(at, codes[c], memory.scales[at.row][at.block]);
      }
    } else {
#pragma unroll
      for (int c = 0; c < 2; ++c, at.move(place, 1)) {
        note();
        std::uint64_t const codes = encode_column_of_pairs(
            words, c, encoder, memory, at, [&](float(&values)[16]) { again(values, c); });
        store_block(at, codes, memory.scales[at.row][at.block]);
      }
    }
  } else {
    float values[together][16];
    for (int k = 0; k < 16; ++k) {
      float found[together];
      widen<T>(load(k), found);
      for (unsigned c = 0; c < together; ++c) values[c][k] = found[c];
    }
#pragma unroll
    for (unsigned c = 0; c < together; ++c, at.move(place, 1)) {
      note();
      std::uint64_t const codes = encode_block(values[c], encoder, memory, at);
      store_block(at, codes, memory.scales[at.row][at.block]);
    }
  }
}

/// The tile's blocks along its columns: a thread takes the columns of one word, so that two-byte
/// values come in pairs, and lane l those of word l / 8 of 4 and block l % 8, so that the codes of a column
/// leave in 64 bytes.
template <class T, class Quantizer, bool Decoded>
__device__ __forceinline__ void encode_columns(uint4 const* tile,
                                               tile_encoder<Quantizer> const& encoder,
                                               side_memory<Quantizer>& memory,
                                               tile_place<Decoded> const& place,
                                               float const* largest) {
  constexpr unsigned together = 4 / sizeof(T);
  unsigned const lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if (static_cast<int>(lane % 8) >= place.blocks) return;
#pragma unroll 1
  for (unsigned i = 0; i < 4 / together; ++i) {
    unsigned const word = (i * 8 + warp) * 4 + lane / 8;
    if (static_cast<int>(word * together) >= place.rows) break;
    int const chunk = chunk_place<T>(static_cast<int>(lane % 8) * 16, static_cast<int>(word / 4));
    auto const* const first = reinterpret_cast<std::uint32_t const*>(tile + chunk) + word % 4;
    block_place<Decoded> const at(place, word * together, lane % 8);
    encode_word_of_columns<T>(first, encoder, memory, place, at, largest);
  }
}

}  // namespace nibble::device::detail
