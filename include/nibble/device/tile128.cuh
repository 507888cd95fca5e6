// SPDX-License-Identifier: Apache-2.0
// One pass over a matrix that writes the blocks of its rows, of its columns, or of both: a CTA holds
// a tile of 128x128 values in shared memory and reads it twice.
#pragma once

#include "nibble/device/sixteen.cuh"

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

/// Block `block` of row `row`, as floats.
template <class T>
__device__ __forceinline__ void load_row(uint4 const* tile, int row, int block,
                                         float (&values)[16]) {
  constexpr int per_chunk = 16 / static_cast<int>(sizeof(T));
  for (int first = 0; first < 16; first += per_chunk) {
    widen<T>(tile[chunk_place<T>(row, (16 * block + first) / per_chunk)], values + first);
  }
}

/// Shared memory of one direction.
template <class Quantizer>
struct side_memory {
  float table[sixteen_encoder<Quantizer>::table_size];
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
/// 16 bytes a thread for the 128x4 layout, or one by one where the tile is cut off.
template <class Scale, class Out>
__device__ __forceinline__ void store_scales(Scale const (&scales)[tile_edge][blocks_per_edge],
                                             Out const& out, matrix_index first_row,
                                             matrix_index first_block) {
  auto const thread = static_cast<int>(threadIdx.x);
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
__device__ __forceinline__ void choose_tiles(sixteen_encoder<Quantizer> const& encoder,
                                             side_memory<Quantizer>& memory,
                                             float const (&amaxes)[64]) {
  if (threadIdx.x < 64) {
    auto const made = encoder.choose(amaxes[threadIdx.x]);
    memory.encode[threadIdx.x] = made.encode;
    memory.tile_scale[threadIdx.x] = made.scale;
  }
}

/// Where a tile lies in an output: what a thread needs to place one of its blocks, in few
/// instructions.
struct tile_place {
  std::uint8_t* codes;     // of the tile's first block
  matrix_index pitch;      // bytes from one row of codes to the next
  std::uint64_t position;  // of the tile's first element
  std::uint64_t columns;   // elements in a row
  int rows, blocks;        // inside the matrix

  template <class Out>
  __device__ __forceinline__ tile_place(Out const& out, matrix_index row, matrix_index block)
      : codes(code_address(out, row, block)),
        pitch(out.codes.stride(0) / 2),
        position(static_cast<std::uint64_t>(row * out.columns() + 16 * block)),
        columns(static_cast<std::uint64_t>(out.columns())),
        rows(static_cast<int>(min(matrix_index{tile_edge}, out.rows() - row))),
        blocks(static_cast<int>(min(matrix_index{blocks_per_edge}, out.scales.extent(1) - block))) {
  }
};

/// One block of 16 values of either direction: transform, encode, store codes, keep the scale.
template <class Quantizer>
__device__ __forceinline__ void encode_block(float (&values)[16],
                                             sixteen_encoder<Quantizer> const& encoder,
                                             side_memory<Quantizer>& memory,
                                             tile_place const& place, int row, int block, int tile,
                                             float largest) {
  std::uint64_t const position = place.position + static_cast<unsigned>(row) * place.columns +
                                 16u * static_cast<unsigned>(block);
  std::uint64_t codes;
  if constexpr (has_square_tiles<Quantizer>) {
    codes = encoder.codes(values, memory.encode[tile], largest, position);
    memory.scales[row][block] = memory.tile_scale[tile];
  } else {
    encoder.transform(values);
    codes = encoder(values, position, memory.scales[row][block]);
  }
  *reinterpret_cast<std::uint64_t*>(place.codes + row * place.pitch + 8 * block) = codes;
}

/// The tile's blocks along its rows: lane l takes row l % 8 of 8 and block l / 8 of 4, so that the
/// codes of a row leave in 32 bytes.
template <class T, class Quantizer>
__device__ __forceinline__ void encode_rows(uint4 const* tile,
                                            sixteen_encoder<Quantizer> const& encoder,
                                            side_memory<Quantizer>& memory, tile_place const& place,
                                            float const* largest) {
  int const lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll 1
  for (int i = 0; i < 4; ++i) {
    int const row = warp * 16 + i % 2 * 8 + lane % 8, block = i / 2 * 4 + lane / 8;
    if (row >= place.rows || block >= place.blocks) continue;
    float values[16];
    load_row<T>(tile, row, block, values);
    int const square = row / 16 * blocks_per_edge + block;
    encode_block(values, encoder, memory, place, row, block, square,
                 has_square_tiles<Quantizer> ? largest[square] : 0.0f);
  }
}

/// The tile's blocks along its columns: a thread takes the columns of one word, so that two-byte
/// values come in pairs, and lane l columns l % 8 of 8 and block l / 8 of 4.
template <class T, class Quantizer>
__device__ __forceinline__ void encode_columns(uint4 const* tile,
                                               sixteen_encoder<Quantizer> const& encoder,
                                               side_memory<Quantizer>& memory,
                                               tile_place const& place, float const* largest) {
  constexpr int together = 4 / static_cast<int>(sizeof(T));
  int const lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  auto const* const words = reinterpret_cast<std::uint32_t const*>(tile);
#pragma unroll 1
  for (int i = 0; i < 2 / together; ++i) {
#pragma unroll 1
    for (int half = 0; half < 2; ++half) {
      int const word = (i * 8 + warp) * 8 + lane % 8, block = half * 4 + lane / 8;
      if (word * together >= place.rows || block >= place.blocks) continue;
      float values[std::size_t{together}][16];
      for (int k = 0; k < 16; ++k) {
        float found[std::size_t{together}];
        widen<T>(words[4 * chunk_place<T>(block * 16 + k, word / 4) + word % 4], found);
        for (int c = 0; c < together; ++c) values[c][k] = found[c];
      }
#pragma unroll
      for (int c = 0; c < together; ++c) {
        int const row = word * together + c;
        int const square = block * blocks_per_edge + row / 16;
        encode_block(values[c], encoder, memory, place, row, block, square,
                     has_square_tiles<Quantizer> ? largest[square] : 0.0f);
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
    float values[16];
    load_row<T>(tile, square / blocks_per_edge * 16 + 4 * part + r, square % blocks_per_edge,
                values);
    float const found = amax_or_nan(values);
    float const number =
        found == found ? found : nibble::detail::float_from_bits(scaling::row_amax_bits(values));
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
