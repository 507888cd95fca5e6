// SPDX-License-Identifier: Apache-2.0
// The codes of a tile turned: under square tiles the transpose has the same codes, so that one direction
// is encoded and the other is the same nibbles in other places.
#pragma once

#include "nibble/device/tile_output.cuh"

namespace nibble::device::detail {

/// Transposes 8 x 8 nibbles: nibble j of word i to nibble i of word j.
///
/// rule    halves of the matrix change places, then quarters, then neighbours.
__device__ __forceinline__ void turn_nibbles(std::uint32_t (&words)[8]) {
  for (int i = 0; i < 4; ++i) {
    std::uint32_t const a = words[i], b = words[i + 4];
    words[i] = __byte_perm(a, b, 0x5410);
    words[i + 4] = __byte_perm(a, b, 0x7632);
  }
  for (int i = 0; i < 8; i += i % 2 == 0 ? 1 : 3) {
    std::uint32_t const a = words[i], b = words[i + 2];
    words[i] = __byte_perm(a, b, 0x6240);
    words[i + 2] = __byte_perm(a, b, 0x7351);
  }
  for (int i = 0; i < 8; i += 2) {
    std::uint32_t const a = words[i], b = words[i + 1];
    words[i] = (a & 0x0F0F'0F0Fu) | (b << 4 & 0xF0F0'F0F0u);
    words[i + 1] = (a >> 4 & 0x0F0F'0F0Fu) | (b & 0xF0F0'F0F0u);
  }
}

/// Where the codes of a block are kept, in the tile where its values were, in 8 bytes: of neighbouring rows, and
/// of rows eight apart, in different halves of a chunk, so that what 16 lanes write or read is in different banks.
template <class T>
[[nodiscard]] __device__ __forceinline__ int kept_place(int row, int block) {
  return 2 * chunk_place<T>(row, static_cast<int>(sizeof(T)) * block) + ((row ^ row >> 3) & 1);
}
template <class T>
__device__ __forceinline__ void keep_codes(uint4* tile, int row, int block, std::uint64_t codes) {
  reinterpret_cast<std::uint64_t*>(tile)[kept_place<T>(row, block)] = codes;
}

/// Writes the codes that keep_codes kept as those of the tile's columns; a thread takes 8 x 8 of them.
///
/// shape   place: of the turned tile; all threads, behind a barrier.
template <class T>
__device__ __forceinline__ void turn_codes(uint4 const* tile, tile_place<false> const& place) {
  auto const thread = static_cast<int>(threadIdx.x);
  int const first = thread % 16 * 8, column = thread / 16 * 8;  // row and column of the 8 x 8
  if (column >= place.rows || first / 16 >= place.blocks) return;
  std::uint32_t words[8];
  auto const* const kept = reinterpret_cast<std::uint32_t const*>(tile) + column / 8 % 2;
  for (int i = 0; i < 8; ++i) words[i] = kept[2 * kept_place<T>(first + i, column / 16)];
  turn_nibbles(words);
  std::uint8_t* codes = place.first + column * place.pitch + first / 2;
  for (int i = 0; i < 8; ++i, codes += place.pitch) {
    *reinterpret_cast<std::uint32_t*>(codes) = words[i];
  }
}

}  // namespace nibble::device::detail
