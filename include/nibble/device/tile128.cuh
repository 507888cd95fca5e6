// SPDX-License-Identifier: Apache-2.0
// One pass over a matrix that writes the blocks of its rows, of its columns, or of both: a CTA holds
// a tile of 128x128 values in shared memory and reads it twice.
#pragma once

#include "nibble/device/sixteen.cuh"

namespace nibble::device::detail {

/// In place of a quantizer and its output: that direction is not wanted.
struct no_side {};

inline constexpr int tile_edge = 128, blocks_per_edge = tile_edge / 16;

/// Do an output's scales come in tiles of 128x4, not in rows?
template <class Out>
inline constexpr bool has_scale_tiles = false;
template <class Block>
inline constexpr bool has_scale_tiles<quantized_view<Block, layout::scale_tile_128x4>> = true;

/// An object in shared memory, its address in a register: nvcc would rather find it again for each block.
template <class T>
[[nodiscard]] __device__ __forceinline__ T& kept_shared(T& object) {
  auto const address = static_cast<std::uint32_t>(__cvta_generic_to_shared(&object));
  return *static_cast<T*>(__cvta_shared_to_generic(
      __shfl_sync(0xFFFF'FFFFu, address, static_cast<int>(threadIdx.x) % 32)));
}

/// How many 16-byte chunks of a tile a row holds.
template <class T>
inline constexpr int chunks_per_row = tile_edge * static_cast<int>(sizeof(T)) / 16;

/// Where 16-byte chunk `chunk` of row `row` lies in shared memory: chunks change places so that the first ones of
/// the eight blocks of a row, and what eight groups of 16 rows hold in the same chunk, are in different banks.
///
/// rule    the chunks of a block stay together: chunk i of it is where its first one is, exclusive or i.
template <class T>
[[nodiscard]] __device__ __forceinline__ int chunk_place(int row, int chunk) {
  return row * chunks_per_row<T> + (chunk ^ (chunk >> 3 & 3) ^ (row >> 4));
}

/// Block `block` of row `row` of two-byte values, in pairs.
template <class T>
__device__ __forceinline__ void load_row_of_pairs(uint4 const* tile, int row, int block,
                                                  std::uint32_t (&pairs)[8]) {
  int const place = chunk_place<T>(row, 2 * block);
  for (int half = 0; half < 2; ++half) {
    uint4 const chunk = tile[place ^ half];
    pairs[4 * half] = chunk.x;
    pairs[4 * half + 1] = chunk.y;
    pairs[4 * half + 2] = chunk.z;
    pairs[4 * half + 3] = chunk.w;
  }
}

/// Block `block` of row `row`, as floats.
template <class T>
__device__ __forceinline__ void load_row(uint4 const* tile, int row, int block,
                                         float (&values)[16]) {
  constexpr int chunks = static_cast<int>(sizeof(T)), per_chunk = 16 / chunks;
  int const place = chunk_place<T>(row, chunks * block);
  for (int i = 0; i < chunks; ++i) widen<T>(tile[place ^ i], values + i * per_chunk);
}

/// The encoder of one direction.
template <class Quantizer>
using tile_encoder = sixteen_encoder<Quantizer, true>;

/// Shared memory of one direction.
template <class Quantizer>
struct side_memory {
  alignas(16) float table[tile_encoder<Quantizer>::table_size];
  // Of each 16x16 tile, where the direction has such.
  float encode[Quantizer::group.rows == 16 ? blocks_per_edge * blocks_per_edge : 1];
  typename Quantizer::scale_type tile_scale[sizeof(encode) / sizeof(float)];
  alignas(16) typename Quantizer::scale_type scales[tile_edge][blocks_per_edge];
};
template <>
struct side_memory<no_side> {};

template <class Quantizer>
inline constexpr bool has_square_tiles = Quantizer::group.rows == 16;
template <>
inline constexpr bool has_square_tiles<no_side> = false;

/// Chooses the scales of 64 square tiles, by 64 threads.
template <class Quantizer>
__device__ __forceinline__ void choose_tiles(tile_encoder<Quantizer> const& encoder,
                                             side_memory<Quantizer>& memory,
                                             float const (&amaxes)[64]) {
  if (threadIdx.x < 64) {
    auto const made = encoder.choose(amaxes[threadIdx.x]);
    memory.encode[threadIdx.x] = made.encode;
    memory.tile_scale[threadIdx.x] = made.scale;
  }
}

}  // namespace nibble::device::detail
