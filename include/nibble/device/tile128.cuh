// SPDX-License-Identifier: Apache-2.0
// One pass over a matrix that writes the blocks of its rows, of its columns, or of both: a CTA holds
// a tile of 128x128 values in shared memory and reads it twice.
#pragma once

#include "nibble/device/sixteen.cuh"

namespace nibble::device::detail {

/// In place of a quantizer and its output: that direction is not wanted.
struct no_side {};

inline constexpr int tile_edge = 128, blocks_per_edge = tile_edge / 16;

/// How many tiles side by side are a strip, at most: so many that 32 bytes of scales, a whole sector, are written side by side.
inline constexpr int strip_tiles = 4;

/// Do an output's scales come in tiles of 128x4, not in rows?
template <class Out>
inline constexpr bool has_scale_tiles = false;
template <class Block>
inline constexpr bool has_scale_tiles<quantized_view<Block, layout::scale_tile_128x4>> = true;

/// A number or an address in a register: nvcc would rather find it again for each tile and block.
template <class T>
[[nodiscard]] __device__ __forceinline__ T in_register(T value) {
  int const lane = static_cast<int>(threadIdx.x) % 32;
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<T>(
        __shfl_sync(0xFFFF'FFFFu, reinterpret_cast<unsigned long long>(value), lane));
  } else {
    return __shfl_sync(0xFFFF'FFFFu, value, lane);
  }
}

/// An object in shared memory, its address kept.
template <class T>
[[nodiscard]] __device__ __forceinline__ T& kept_shared(T& object) {
  auto const address = static_cast<std::uint32_t>(__cvta_generic_to_shared(&object));
  return *static_cast<T*>(__cvta_shared_to_generic(in_register(address)));
}

/// How many 16-byte chunks of a tile a row holds.
template <class T>
inline constexpr int chunks_per_row = static_cast<int>(sizeof(T)) * tile_edge / 16;

/// Where 16-byte chunk `chunk` of row `row` lies in shared memory: chunks change places so that the first ones of
/// the eight blocks of a row, and what eight groups of 16 rows hold in the same chunk, are in different banks.
///
/// rule    the chunks of a block stay together: chunk i of it is where its first one is, exclusive or i.
template <class T>
[[nodiscard]] __device__ __forceinline__ int chunk_place(int row, int chunk) {
  return row * chunks_per_row<T> + (chunk ^ (chunk >> 3 & 3) ^ (row >> 4));
}

/// Where the first chunk of block `block` of row `row` lies; r rows further down, in the same group of 16, it lies
/// r * chunks_per_row<T> further on.
template <class T>
[[nodiscard]] __device__ __forceinline__ int row_place(int row, int block) {
  return chunk_place<T>(row, static_cast<int>(sizeof(T)) * block);
}

/// The block of two-byte values at a row_place, in pairs.
__device__ __forceinline__ void load_row_of_pairs(uint4 const* tile, int place,
                                                  std::uint32_t (&pairs)[8]) {
  for (int half = 0; half < 2; ++half) {
    uint4 const chunk = tile[place ^ half];
    pairs[4 * half] = chunk.x;
    pairs[4 * half + 1] = chunk.y;
    pairs[4 * half + 2] = chunk.z;
    pairs[4 * half + 3] = chunk.w;
  }
}

/// The block at a row_place, as floats.
template <class T>
__device__ __forceinline__ void load_row(uint4 const* tile, int place, float (&values)[16]) {
  constexpr int chunks = static_cast<int>(sizeof(T)), per_chunk = 16 / chunks;
  for (int i = 0; i < chunks; ++i) widen<T>(tile[place ^ i], values + i * per_chunk);
}

/// The encoder of one direction of a tile of T: with thresholds, which are for pairs, where it holds bf16.
template <class Quantizer, class T = bf16>
using tile_encoder = sixteen_encoder<Quantizer, std::is_same_v<T, bf16>>;

/// What an encoder keeps in shared memory for tiles of T.
template <class Quantizer, class T>
struct side_tables {
  alignas(16) float table[std::size_t{tile_encoder<Quantizer, T>::table_size}];
};

/// Shared memory of one direction, in which the scales of Across blocks a row wait to be written.
template <class Quantizer, class T, int Across>
struct side_memory : side_tables<Quantizer, T> {
  static constexpr int across = Across;

  // Of each 16x16 tile, where the direction has such.
  float encode[Quantizer::group.rows == 16 ? blocks_per_edge * blocks_per_edge : 1];
  typename Quantizer::scale_type tile_scale[sizeof(encode) / sizeof(float)];
  alignas(16) typename Quantizer::scale_type scales[std::size_t{tile_edge}][std::size_t{Across}];
};
template <class T, int Across>
struct side_memory<no_side, T, Across> {};

template <class Quantizer>
inline constexpr bool has_square_tiles = Quantizer::group.rows == 16;
template <>
inline constexpr bool has_square_tiles<no_side> = false;

/// Chooses the scale of square tile `square`, given its amax; one thread.
template <class Encoder, class Memory>
__device__ __forceinline__ void choose_tile(Encoder const& encoder, Memory& memory, int square,
                                            float amax) {
  auto const made = encoder.choose(amax);
  memory.encode[square] = made.encode;
  memory.tile_scale[square] = made.scale;
}

}  // namespace nibble::device::detail
