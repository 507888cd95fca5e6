// SPDX-License-Identifier: Apache-2.0
// The blocks of a tile in shared memory, along its rows and along its columns.
#pragma once

#include "nibble/device/pair_blocks.cuh"
#include "nibble/device/tile_output.cuh"

namespace nibble::device::detail {

/// Notes the square tile of a block, number `square` from the left and the top, and its amax.
template <class Quantizer, class Place>
__device__ __forceinline__ void note_square(Place& at, int square, float const* largest) {
  if constexpr (has_square_tiles<Quantizer>) {
    at.square = square;
    at.largest = largest[square];
  }
}

/// The codes of one block of 16 floats, transformed here, and its scale.
template <class Quantizer, bool WithThresholds, class Memory, class Place>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_block(
    float (&values)[16], sixteen_encoder<Quantizer, WithThresholds> const& encoder,
    [[maybe_unused]] Memory const& memory, Place const& at, typename Quantizer::scale_type& scale) {
  if constexpr (has_square_tiles<Quantizer>) {
    scale = memory.tile_scale[at.square];
    return encoder.codes(values, memory.encode[at.square], at.largest, at.position);
  } else {
    encoder.transform(values);
    return encoder(values, at.position, scale);
  }
}

/// The codes of one block of 16 untransformed bf16 in pairs, of a square tile or not, and its scale.
/// again(values): the same as floats, for the rare cases.
template <pair_order Order, class Quantizer, class Memory, class Place, class Again>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_block_of_pairs(
    std::uint32_t const (&pairs)[8], tile_encoder<Quantizer> const& encoder,
    [[maybe_unused]] Memory const& memory, Place const& at, typename Quantizer::scale_type& scale,
    Again const& again) {
  if constexpr (has_square_tiles<Quantizer>) {
    float const encode = memory.encode[at.square];
    scale = memory.tile_scale[at.square];
    if (is_plain(encoder, scale, encode, at.largest)) {
      std::uint32_t magnitudes[8];
      find_magnitudes(encoder, pairs, magnitudes);
      return plain_codes_of_pairs<Order>(encoder, pairs, magnitudes, scale, encode, at.position);
    }
    float values[16];
    again(values);
    return encoder.slow_codes(values, encode, at.position);
  } else {
    return encode_pairs<Order>(encoder, pairs, at.position, scale, again);
  }
}

/// The codes and the scale of the block along the rows of a tile whose row_place is at.values.
template <class T, class Quantizer, class Memory, class Place>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_row_block(
    uint4 const* tile, tile_encoder<Quantizer, T> const& encoder, Memory const& memory,
    Place const& at, typename Quantizer::scale_type& scale) {
  if constexpr (std::is_same_v<T, bf16> && takes_pairs<Quantizer>) {
    std::uint32_t pairs[8];
    load_row_of_pairs(tile, at.values, pairs);
    if constexpr (has_square_tiles<Quantizer>) {
      return encode_block_of_pairs<pair_order::memory>(
          pairs, encoder, memory, at, scale,
          [&](auto& values) { load_row<T>(tile, at.values, values); });
    } else {
      return encode_row_of_pairs(encoder, pairs, at.position, scale);
    }
  } else {
    float values[16];
    load_row<T>(tile, at.values, values);
    return encode_block(values, encoder, memory, at, scale);
  }
}

/// A thread's first block of a tile.
struct first_block {
  int row, block;
};

/// That along rows: a warp takes 16 rows, lane l row l / 8 of 4 and block l % 8 at a time, so that the codes of a row
/// leave in 64 bytes: the cache has few requests to spare.
[[nodiscard]] __device__ __forceinline__ first_block first_in_rows() {
  int const lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  return {warp * 16 + lane / 8, lane % 8};
}

/// The tile's blocks along its rows. to: where the thread's first one is written; their scales wait from column
/// `waiting` on.
template <class T, class Quantizer, class Memory, bool Decoded>
__device__ __forceinline__ void encode_rows(uint4 const* tile,
                                            tile_encoder<Quantizer, T> const& encoder,
                                            Memory& memory, tile_place<Decoded> const& place,
                                            std::uint8_t* to, int waiting, float const* largest) {
  auto const [row, block] = first_in_rows();
  if (block >= place.blocks || row >= place.rows) return;
  block_place<Decoded> at(place, row, block, row_place<T>(row, block), to);
  note_square<Quantizer>(at, row / 16 * blocks_per_edge + block, largest);
  auto* scale = memory.scales[row] + (waiting + block);
#pragma unroll 1
  for (int pair = 0; pair < 2; ++pair) {
#pragma unroll
    for (int half = 0; half < 2; ++half, at.move(place, 4)) {
      std::uint64_t const codes = encode_row_block<T, Quantizer>(tile, encoder, memory, at, *scale);
      store_block(at, codes, *scale);
      at.values += 4 * chunks_per_row<T>;
      scale += 4 * Memory::across;
    }
  }
}

/// The amax of a square tile, NaN if there is one, and that of its numbers alone.
struct square_amax {
  float with_nan, of_numbers;
};

/// That of square tile threadIdx.x / 4 of 64: four threads a tile, four rows each, and all four are told.
template <class T>
[[nodiscard]] __device__ __forceinline__ square_amax find_square_amax(uint4 const* tile) {
  int const square = static_cast<int>(threadIdx.x) / 4, part = static_cast<int>(threadIdx.x) % 4;
  std::uint32_t with_nan = 0, of_numbers = 0;
  for (int r = 0; r < 4; ++r) {
    int const row = square / blocks_per_edge * 16 + 4 * part + r;
    int const place = row_place<T>(row, square % blocks_per_edge);
    float found;
    if constexpr (std::is_same_v<T, bf16>) {
      std::uint32_t pairs[8];
      load_row_of_pairs(tile, place, pairs);
      found = amax_of_pairs(pairs);
    } else {
      float values[16];
      load_row<T>(tile, place, values);
      found = amax_or_nan(values);
    }
    float number = found;
    if (found != found) {
      float values[16];
      load_row<T>(tile, place, values);
      number = nibble::detail::float_from_bits(scaling::row_amax_bits(values));
    }
    with_nan = max(with_nan, nibble::detail::float_bits(found));
    of_numbers = max(of_numbers, nibble::detail::float_bits(number));
  }
  for (int const other : {1, 2}) {
    with_nan = max(with_nan, __shfl_xor_sync(0xFFFF'FFFFu, with_nan, other));
    of_numbers = max(of_numbers, __shfl_xor_sync(0xFFFF'FFFFu, of_numbers, other));
  }
  return {nibble::detail::float_from_bits(with_nan), nibble::detail::float_from_bits(of_numbers)};
}

}  // namespace nibble::device::detail
