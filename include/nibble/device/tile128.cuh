// SPDX-License-Identifier: Apache-2.0
// One pass over a matrix that writes the blocks of its rows, of its columns, or of both: a CTA holds
// a tile of 128x128 values in shared memory and reads it twice.
#pragma once

#include "nibble/device/sixteen.cuh"
#include "nibble/mma/decode.hpp"

namespace nibble::device::detail {

/// In place of a quantizer and its output: that direction is not wanted.
struct no_side {};

inline constexpr int tile_edge = 128, blocks_per_edge = tile_edge / 16;

/// Where 16-byte chunk `chunk` of row `row` lies in shared memory: eight rows under each other, and
/// what four groups of 16 rows hold in the same pair of chunks, are in different banks.
template <class T>
[[nodiscard]] __device__ __forceinline__ int chunk_place(int row, int chunk) {
  constexpr int chunks_per_row = tile_edge * static_cast<int>(sizeof(T)) / 16;
  return row * chunks_per_row + (chunk ^ (row & 7) ^ (row >> 4 & 3) << 1);
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
  constexpr int per_chunk = 16 / static_cast<int>(sizeof(T));
  for (int first = 0; first < 16; first += per_chunk) {
    widen<T>(tile[chunk_place<T>(row, (16 * block + first) / per_chunk)], values + first);
  }
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

/// Writes the scales of a tile of `out` that begins at (first_row, first_block): in 8 bytes a row, in
/// 16 bytes a thread for the 128x4 layout, or one by one where the tile is cut off. thread: the number
/// of this one; low ones have more to do, so that two directions number them from either end.
template <class Scale, class Out>
__device__ __forceinline__ void store_scales(Scale const (&scales)[tile_edge][blocks_per_edge],
                                             Out const& out, matrix_index first_row,
                                             matrix_index first_block, int thread) {
  auto const& mapping = out.scales.mapping();
  matrix_index const rows = out.rows() - first_row;
  matrix_index const blocks = out.scales.extent(1) - first_block;
  int const step = out.rows_per_scale() == 1 ? 1 : 16;
  bool const is_whole = step == 1 && rows >= tile_edge && blocks >= blocks_per_edge;
  Scale* const data = out.scales.data_handle();
  bool const is_aligned16 = reinterpret_cast<std::uintptr_t>(data) % 16 == 0;
  if constexpr (std::is_same_v<typename Out::scale_layout, layout::scale_tile_128x4>) {
    if (is_whole && mapping.is_whole() && is_aligned16) {
      if (thread >= 64) return;
      auto const* const words = reinterpret_cast<std::uint32_t const*>(&scales[0][0]);
      int const tile = thread / 32, row = thread % 32;
      uint4 const sixteen{words[2 * row + tile], words[2 * (row + 32) + tile],
                          words[2 * (row + 64) + tile], words[2 * (row + 96) + tile]};
      reinterpret_cast<uint4*>(data + mapping(first_row, first_block + 4 * tile))[row] = sixteen;
      return;
    }
  }
  if constexpr (std::is_same_v<typename Out::scale_layout, ::cuda::std::layout_right>) {
    if (is_whole && is_aligned16 && out.scales.extent(1) % 8 == 0) {
      if (thread >= tile_edge) return;
      *reinterpret_cast<uint2*>(data + mapping(first_row + thread, first_block)) =
          reinterpret_cast<uint2 const*>(&scales[0][0])[thread];
      return;
    }
  }
#pragma unroll 1
  for (int i = thread; i < tile_edge / step * blocks_per_edge; i += threads_per_block) {
    int const row = i / blocks_per_edge, block = i % blocks_per_edge;
    if (row * step < rows && block < blocks) {
      out.scales(first_row / step + row, first_block + block) = scales[row * step][block];
    }
  }
}

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

/// An output of what codes are worth to a product: code times block scale as bf16, tensor scale and
/// transform left out. Neither codes nor scales are written.
struct decoded_output {
  bf16* values;  // rows of pitch, on 16-byte boundaries
  matrix_index pitch, row_count, column_count;
  float const* tensor_amax;

  [[nodiscard]] NIBBLE_HD float amax(int, int) const { return *tensor_amax; }
};

template <class Out>
inline constexpr bool is_decoded = std::is_same_v<Out, decoded_output>;

/// Where a tile lies in an output of codes, or of what they are worth: what a thread needs to place its
/// blocks, in few instructions.
template <bool Decoded>
struct tile_place {
  static constexpr int block_bytes = Decoded ? 32 : 8;

  std::uint8_t* first;     // the tile's first block
  matrix_index pitch;      // bytes from one row to the next
  std::uint64_t position;  // of the tile's first element
  std::uint64_t columns;   // elements in a row
  int rows, blocks;        // inside the matrix

  template <class Out>
  __device__ __forceinline__ tile_place(Out const& out, matrix_index row, matrix_index block) {
    matrix_index all_rows, all_blocks;
    if constexpr (Decoded) {
      pitch = out.pitch * 2;
      first = reinterpret_cast<std::uint8_t*>(out.values);
      columns = static_cast<std::uint64_t>(out.column_count);
      all_rows = out.row_count;
      all_blocks = out.column_count / 16;
    } else {
      pitch = out.codes.stride(0) / 2;
      first = code_address(out, 0, 0);
      columns = static_cast<std::uint64_t>(out.columns());
      all_rows = out.rows();
      all_blocks = out.scales.extent(1);
    }
    first += row * pitch + block_bytes * block;
    position = static_cast<std::uint64_t>(row) * columns + static_cast<std::uint64_t>(16 * block);
    rows = static_cast<int>(min(matrix_index{tile_edge}, all_rows - row));
    blocks = static_cast<int>(min(matrix_index{blocks_per_edge}, all_blocks - block));
  }
};

/// One of a thread's blocks in a tile: where it is, where it is written, the position of its first
/// element, and what its square tile found, if there are such.
template <bool Decoded>
struct block_place {
  static constexpr int bytes = tile_place<Decoded>::block_bytes;

  int row, block, square;
  float largest;
  std::uint8_t* to;
  std::uint64_t position;

  __device__ __forceinline__ block_place(tile_place<Decoded> const& place, int r, int b)
      : row(r),
        block(b),
        square(0),
        largest(0),
        to(place.first + r * place.pitch + bytes * b),
        position(place.position + static_cast<unsigned>(r) * place.columns +
                 16u * static_cast<unsigned>(b)) {}

  /// As many rows further down.
  __device__ __forceinline__ void move(tile_place<Decoded> const& place, int rows) {
    row += rows;
    to += rows * place.pitch;
    position += static_cast<std::uint64_t>(rows) * place.columns;
  }
};

/// Writes a block's codes.
template <class Scale>
__device__ __forceinline__ void store_block(block_place<false> const& at, std::uint64_t codes,
                                            Scale const&) {
  *reinterpret_cast<std::uint64_t*>(at.to) = codes;
}
/// Code times scale, exactly: codes are 2^-126 of their value once decoded, so the scale takes 2^100
/// of that back, which no one-byte scale makes overflow, and a second product the rest.
template <class Scale>
__device__ __forceinline__ void store_block([[maybe_unused]] block_place<true> const& at,
                                            [[maybe_unused]] std::uint64_t codes,
                                            [[maybe_unused]] Scale const& scale) {
#if NIBBLE_HAS_MMA_F16
  float const raised = arch::multiply(static_cast<float>(scale), 0x1p100f);
  std::uint32_t const factor = arch::ptx::cvt_rn_bf16x2_f32(raised, raised);
  auto* const to = reinterpret_cast<uint4*>(at.to);
  for (int half = 0; half < 2; ++half) {
    std::uint32_t pairs[4];
    mma::decode_e2m1<format::bf16>(static_cast<std::uint32_t>(codes >> (32 * half)), pairs);
    for (auto& pair : pairs) {
      pair = arch::ptx::mul_rn_bf16x2(arch::ptx::mul_rn_bf16x2(pair, factor), 0x4C80'4C80u);
    }
    to[half] =
        uint4{__byte_perm(pairs[0], pairs[1], 0x5410), __byte_perm(pairs[2], pairs[3], 0x5410),
              __byte_perm(pairs[0], pairs[1], 0x7632), __byte_perm(pairs[2], pairs[3], 0x7632)};
  }
#endif
}

}  // namespace nibble::device::detail
