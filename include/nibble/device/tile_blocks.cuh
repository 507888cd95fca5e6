// SPDX-License-Identifier: Apache-2.0
// The blocks of a tile in shared memory, along its rows and along its columns.
#pragma once

#include "nibble/device/pairs.cuh"
#include "nibble/device/turn_codes.cuh"

namespace nibble::device::detail {

/// A number in a register: nvcc would rather find it again, in 64 bits, for each block.
[[nodiscard]] __device__ __forceinline__ int kept(int number) {
  return __shfl_sync(0xFFFF'FFFFu, number, static_cast<int>(threadIdx.x) % 32);
}

/// Notes the square tile of a block, number `square` from the left and the top, and its amax.
template <class Quantizer, class Place>
__device__ __forceinline__ void note_square(Place& at, int square, float const* largest) {
  if constexpr (has_square_tiles<Quantizer>) {
    at.square = square;
    at.largest = largest[square];
  }
}

/// The codes of one block of 16 floats, transformed here; its scale is kept.
template <class Quantizer, class Place>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_block(
    float (&values)[16], tile_encoder<Quantizer> const& encoder, side_memory<Quantizer>& memory,
    Place const& at) {
  if constexpr (has_square_tiles<Quantizer>) {
    memory.scales[at.row][at.block] = memory.tile_scale[at.square];
    return encoder.codes(values, memory.encode[at.square], at.largest, at.position);
  } else {
    encoder.transform(values);
    return encoder(values, at.position, memory.scales[at.row][at.block]);
  }
}

/// The codes of one block of 16 untransformed bf16 in pairs, of a square tile or not; its scale is kept.
/// again(values): the same as floats, for the rare cases.
template <pair_order Order, class Quantizer, class Place, class Again>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_block_of_pairs(
    std::uint32_t const (&pairs)[8], tile_encoder<Quantizer> const& encoder,
    side_memory<Quantizer>& memory, Place const& at, Again const& again) {
  if constexpr (has_square_tiles<Quantizer>) {
    float const encode = memory.encode[at.square];
    auto const scale = memory.tile_scale[at.square];
    memory.scales[at.row][at.block] = scale;
    if (is_plain(encoder, scale, encode, at.largest)) {
      return plain_codes_of_pairs<Order>(encoder, pairs, scale, encode, at.position);
    }
    float values[16];
    again(values);
    return encoder.slow_codes(values, encode, at.position);
  } else {
    return encode_pairs<Order>(encoder, pairs, at.position, memory.scales[at.row][at.block], again);
  }
}

/// The codes of block `at` along the rows of a tile.
template <class T, class Quantizer, class Place>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_row_block(
    uint4 const* tile, tile_encoder<Quantizer> const& encoder, side_memory<Quantizer>& memory,
    Place const& at) {
  if constexpr (std::is_same_v<T, bf16> && takes_pairs<Quantizer>) {
    std::uint32_t pairs[8];
    load_row_of_pairs<T>(tile, at.row, at.block, pairs);
    if constexpr (has_square_tiles<Quantizer>) {
      return encode_block_of_pairs<pair_order::memory>(
          pairs, encoder, memory, at,
          [&](auto& values) { load_row<T>(tile, at.row, at.block, values); });
    } else {
      return encode_row_of_pairs(encoder, pairs, at.position, memory.scales[at.row][at.block]);
    }
  } else {
    float values[16];
    load_row<T>(tile, at.row, at.block, values);
    return encode_block(values, encoder, memory, at);
  }
}

/// The tile's blocks along its rows: a warp takes 32 rows of 4 blocks, lane l row l % 8 of 8 and block
/// l / 8 of 4 at a time, so that the codes of a row leave in 32 bytes. If Keep, they stay in the tile too.
template <class T, bool Keep, class Quantizer, bool Decoded>
__device__ __forceinline__ void encode_rows(uint4* tile, tile_encoder<Quantizer> const& encoder,
                                            side_memory<Quantizer>& memory,
                                            tile_place<Decoded> const& place,
                                            float const* largest) {
  int const lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  block_place<Decoded> at(place, warp / 2 * 32 + lane % 8, warp % 2 * 4 + lane / 8);
  int const rows = kept(place.blocks > at.block ? place.rows : 0);
#pragma unroll 1
  for (int i = 0; i < 4; ++i, at.move(place, 8)) {
    if (at.row >= rows) break;
    note_square<Quantizer>(at, at.row / 16 * blocks_per_edge + at.block, largest);
    std::uint64_t const codes = encode_row_block<T>(tile, encoder, memory, at);
    store_block(at, codes, memory.scales[at.row][at.block]);
    if constexpr (Keep) keep_codes<T>(tile, at, codes);
  }
}

/// The codes of column `half` of 16 words of two bf16 each: turned into pairs and transformed if need be.
/// again(values): the column once more, for the rare cases.
template <class Quantizer, class Place, class Again>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_column_of_pairs(
    std::uint32_t const (&words)[16], int half, tile_encoder<Quantizer> const& encoder,
    side_memory<Quantizer>& memory, Place const& at, Again const& again) {
  constexpr auto order = pair_order::split;
  std::uint32_t pairs[8];
  if constexpr (Quantizer::transform_type::size == 1) {
    for (int i = 0; i < 8; ++i) {
      pairs[i] = __byte_perm(words[low_of<order>(i)], words[high_of<order>(i)],
                             half == 0 ? 0x5410 : 0x7632);
    }
    return encode_block_of_pairs<order>(pairs, encoder, memory, at, again);
  } else {
    float values[16];
    for (int k = 0; k < 16; ++k) {
      float both[2];
      widen<bf16>(words[k], both);
      values[k] = both[half];
    }
    hadamard_to_pairs<order>(values, pairs);
    return encode_pairs<order>(encoder, pairs, at.position, memory.scales[at.row][at.block], again);
  }
}

/// The tile's blocks along its columns: a thread takes the columns of one word, so that two-byte
/// values come in pairs, and lane l columns l % 8 of 8 and block l / 8 of 4.
template <class T, class Quantizer, bool Decoded>
__device__ __forceinline__ void encode_columns(uint4 const* tile,
                                               tile_encoder<Quantizer> const& encoder,
                                               side_memory<Quantizer>& memory,
                                               tile_place<Decoded> const& place,
                                               float const* largest) {
  constexpr int together = 4 / static_cast<int>(sizeof(T));
  int const lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  int const rows = kept(place.rows), blocks = kept(place.blocks);
#pragma unroll 1
  for (int i = 0; i < 4 / together; ++i) {
    int const word = (i / 2 * 8 + warp) * 8 + lane % 8, block = i % 2 * 4 + lane / 8;
    if (word * together >= rows || block >= blocks) continue;
    block_place<Decoded> at(place, word * together, block);
    // chunk_place in steps: of row k of the block only k and its last three bits count.
    constexpr int chunks_per_row = tile_edge * static_cast<int>(sizeof(T)) / 16;
    auto const* const first =
        reinterpret_cast<std::uint32_t const*>(tile + 16 * chunks_per_row * block) + word % 4;
    int const chunk = chunk_place<T>(16 * block, word / 4) - 16 * chunks_per_row * block;
    auto const load = [&](int k) { return first[4 * (chunk ^ (k & 7)) + 4 * chunks_per_row * k]; };
    auto const note = [&] {
      note_square<Quantizer>(at, block * blocks_per_edge + at.row / 16, largest);
    };
    if constexpr (std::is_same_v<T, bf16> && takes_pairs<Quantizer>) {
      std::uint32_t words[16];
      for (int k = 0; k < 16; ++k) {
        words[k] = load(k) ^ signs_of_both(encoder.policies().transform, k);
      }
#pragma unroll
      for (int c = 0; c < 2; ++c, at.move(place, 1)) {
        note();
        std::uint64_t const codes =
            encode_column_of_pairs(words, c, encoder, memory, at, [&](float(&values)[16]) {
              for (int k = 0; k < 16; ++k) {
                float both[2];
                widen<bf16>(load(k), both);
                values[k] = both[c];
              }
              encoder.transform(values);
            });
        store_block(at, codes, memory.scales[at.row][at.block]);
      }
    } else {
      float values[std::size_t{together}][16];
      for (int k = 0; k < 16; ++k) {
        float found[std::size_t{together}];
        widen<T>(load(k), found);
        for (int c = 0; c < together; ++c) values[c][k] = found[c];
      }
#pragma unroll
      for (int c = 0; c < together; ++c, at.move(place, 1)) {
        note();
        std::uint64_t const codes = encode_block(values[c], encoder, memory, at);
        store_block(at, codes, memory.scales[at.row][at.block]);
      }
    }
  }
}

/// The amaxes of 64 square tiles, each with NaN and without: four threads a tile, four rows each.
template <class T>
__device__ __forceinline__ void find_tile_amaxes(uint4 const* tile, float (&largest)[64],
                                                 float (&amaxes)[64]) {
  int const square = static_cast<int>(threadIdx.x) / 4, part = static_cast<int>(threadIdx.x) % 4;
  std::uint32_t with_nan = 0, without = 0;
  for (int r = 0; r < 4; ++r) {
    int const row = square / blocks_per_edge * 16 + 4 * part + r, block = square % blocks_per_edge;
    float found;
    if constexpr (std::is_same_v<T, bf16>) {
      std::uint32_t pairs[8];
      load_row_of_pairs<T>(tile, row, block, pairs);
      found = amax_of_pairs(pairs);
    } else {
      float values[16];
      load_row<T>(tile, row, block, values);
      found = amax_or_nan(values);
    }
    float number = found;
    if (found != found) {
      float values[16];
      load_row<T>(tile, row, block, values);
      number = nibble::detail::float_from_bits(scaling::row_amax_bits(values));
    }
    with_nan = max(with_nan, nibble::detail::float_bits(found));
    without = max(without, nibble::detail::float_bits(number));
  }
  for (int const other : {1, 2}) {
    with_nan = max(with_nan, __shfl_xor_sync(0xFFFF'FFFFu, with_nan, other));
    without = max(without, __shfl_xor_sync(0xFFFF'FFFFu, without, other));
  }
  if (part == 0) {
    largest[square] = nibble::detail::float_from_bits(with_nan);
    amaxes[square] = nibble::detail::float_from_bits(without);
  }
}

}  // namespace nibble::device::detail
