// SPDX-License-Identifier: Apache-2.0
// The rows of a tile of 128x128 in square tiles of 16x16 whose amaxes are found on the way.
#pragma once

#include "nibble/device/square_codes.cuh"
#include "nibble/device/tile_blocks.cuh"

namespace nibble::device::detail {

/// As encode_rows, of codes that stay in the tile too; notes the scale of each square tile.
///
/// shape   a quantizer that finds_squares.
template <class Quantizer>
__device__ __forceinline__ void encode_square_rows(uint4* tile,
                                                   tile_encoder<Quantizer> const& encoder,
                                                   side_memory<Quantizer>& memory,
                                                   tile_place<false> const& place) {
  unsigned const lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  block_place<false> at(place, warp * 16 + lane / 8, lane % 8);
  if (at.block >= place.blocks || at.row >= place.rows) return;
  std::uint32_t pairs[4][8];
  for (int r = 0; r < 4; ++r) load_row_of_pairs<bf16>(tile, at.row + 4 * r, at.block, pairs[r]);
  std::uint64_t codes[4];
  auto const scale = encode_square_of_pairs<Quantizer>(encoder, pairs, codes);
  if (lane < 8) memory.tile_scale[warp * blocks_per_edge + lane] = scale;
  for (int r = 0; r < 4; ++r, at.move(place, 4)) {
    memory.scales[at.row][at.block] = scale;
    store_block(at, codes[r], scale);
    keep_codes<bf16>(tile, at, codes[r]);
  }
}

}  // namespace nibble::device::detail
