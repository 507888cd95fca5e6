// SPDX-License-Identifier: Apache-2.0
// The rows of a tile in square tiles of 16x16 whose amaxes are found on the way, from the registers that the
// codes are then made of.
#pragma once

#include "nibble/device/tile_blocks.cuh"

namespace nibble::device::detail {

/// Can square tiles find their amaxes while rows are encoded?
template <class T, class Quantizer>
[[nodiscard]] __device__ constexpr bool finds_squares() {
  if constexpr (has_square_tiles<Quantizer>) {
    if constexpr (std::is_same_v<T, bf16> && takes_pairs<Quantizer>) {
      return by_thresholds<tile_encoder<Quantizer>>();
    }
  }
  return false;
}

/// The codes of four rows of a square tile of the rare kind: NaN does not count for the amax that the scale
/// follows from. among: the lanes that share the tile, eight apart, each with four rows.
template <class Quantizer>
[[nodiscard]] __device__ __forceinline__ typename Quantizer::scale_type encode_square_slowly(
    tile_encoder<Quantizer> const& encoder, std::uint32_t const (&pairs)[4][8], std::uint32_t among,
    std::uint64_t position, std::uint64_t (&codes)[4]) {
  float values[4][16];
  std::uint32_t largest = 0;
  for (int r = 0; r < 4; ++r) {
    for (int i = 0; i < 8; ++i) widen<bf16>(pairs[r][i], values[r] + 2 * i);
    largest = max(largest, scaling::row_amax_bits(values[r]));
  }
  for (int const other : {8, 16}) {
    largest = max(largest, __shfl_xor_sync(among, largest, other));
  }
  auto const made = encoder.choose(nibble::detail::float_from_bits(largest));
  for (int r = 0; r < 4; ++r) codes[r] = encoder.slow_codes(values[r], made.encode, position);
  return made.scale;
}

/// As encode_rows, of codes that stay in the tile too; notes the scale of each square tile.
///
/// shape   a quantizer that finds_squares and rounds to nearest.
template <class Quantizer>
__device__ __forceinline__ void encode_square_rows(uint4* tile,
                                                   tile_encoder<Quantizer> const& encoder,
                                                   side_memory<Quantizer>& memory,
                                                   tile_place<false> const& place) {
  unsigned const lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  block_place<false> at(place, warp * 16 + lane / 8, lane % 8);
  if (at.block >= place.blocks || at.row >= place.rows) return;
  std::uint32_t const among = 0x0101'0101u << (lane % 8);
  std::uint32_t pairs[4][8], both = 0;
  for (int r = 0; r < 4; ++r) {
    load_row_of_pairs<bf16>(tile, at.row + 4 * r, at.block, pairs[r]);
    std::uint32_t magnitudes[8];
    for (int i = 0; i < 8; ++i) magnitudes[i] = arch::ptx::abs_bf16x2(pairs[r][i]);
    both = arch::ptx::max_nan_bf16x2(both, largest_of_each(magnitudes));
  }
  for (int const other : {8, 16}) {
    both = arch::ptx::max_nan_bf16x2(both, __shfl_xor_sync(among, both, other));
  }
  float const largest = larger_of_pair(both);
  auto const made = encoder.choose(largest);
  auto scale = made.scale;
  std::uint64_t codes[4];
  if (is_plain(encoder, made.scale, made.encode, largest)) {
    for (int r = 0; r < 4; ++r) {
      std::uint32_t magnitudes[8];
      find_magnitudes(encoder, pairs[r], magnitudes);
      codes[r] = plain_codes_of_pairs<pair_order::memory>(encoder, pairs[r], magnitudes, made.scale,
                                                          made.encode, at.position);
    }
  } else {
    scale = encode_square_slowly<Quantizer>(encoder, pairs, among, at.position, codes);
  }
  if (lane < 8) memory.tile_scale[warp * blocks_per_edge + lane] = scale;
  for (int r = 0; r < 4; ++r, at.move(place, 4)) {
    memory.scales[at.row][at.block] = scale;
    store_block(at, codes[r], scale);
    keep_codes<bf16>(tile, at, codes[r]);
  }
}

}  // namespace nibble::device::detail
