// SPDX-License-Identifier: Apache-2.0
// Block scales from rows to tiles of 128x4 and back on the device, through shared memory: both sides
// move whole lines.
#pragma once

#include <cuda/stream_ref>

#include "nibble/device/group.cuh"
#include "nibble/device/status.cuh"
#include "nibble/swizzle.hpp"

namespace nibble::device {

namespace detail {

/// Scales in rows, as bytes.
template <class Byte>
struct scale_rows {
  Byte* first;
  matrix_index row_step, column_step, rows, columns;
  bool is_wide;  // four scales of a row can be moved as one word

  [[nodiscard]] __device__ std::uint32_t read(matrix_index r, matrix_index c) const {
    if (r >= rows) return 0;
    Byte* const from = first + r * row_step + c * column_step;
    if (is_wide && c + 4 <= columns) return *reinterpret_cast<std::uint32_t const*>(from);
    std::uint32_t word = 0;
    for (int i = 0; i < 4 && c + i < columns; ++i) {
      word |= static_cast<std::uint32_t>(from[i * column_step]) << (8 * i);
    }
    return word;
  }
  __device__ void write(matrix_index r, matrix_index c, std::uint32_t word) const {
    if (r >= rows) return;
    Byte* const to = first + r * row_step + c * column_step;
    if (is_wide && c + 4 <= columns) {
      *reinterpret_cast<std::uint32_t*>(to) = word;
      return;
    }
    for (int i = 0; i < 4 && c + i < columns; ++i) {
      to[i * column_step] = static_cast<std::uint8_t>(word >> (8 * i));
    }
  }
};

/// A word of a tile; the storage need not be aligned to one.
[[nodiscard]] __device__ __forceinline__ std::uint32_t read_word(std::uint8_t const* from,
                                                                 bool is_aligned) {
  if (is_aligned) return *reinterpret_cast<std::uint32_t const*>(from);
  return static_cast<std::uint32_t>(from[0]) | static_cast<std::uint32_t>(from[1]) << 8 |
         static_cast<std::uint32_t>(from[2]) << 16 | static_cast<std::uint32_t>(from[3]) << 24;
}
__device__ __forceinline__ void write_word(std::uint8_t* to, bool is_aligned, std::uint32_t word) {
  if (is_aligned) {
    *reinterpret_cast<std::uint32_t*>(to) = word;
  } else {
    for (int i = 0; i < 4; ++i) to[i] = static_cast<std::uint8_t>(word >> (8 * i));
  }
}

/// One CTA, 128 rows of 32 tiles at a time: a warp moves 32 words of a row on the one side and 32
/// words of a tile on the other. A tile takes 129 words, so that neither side meets a bank twice.
template <bool ToTiles, class Rows, class Byte>
__global__ void __launch_bounds__(threads_per_block)
    move_scales(Rows plain, Byte* tiled, bool is_aligned) {
  constexpr int tiles_at_once = 32, words_a_tile = 128;
  __shared__ std::uint32_t words[tiles_at_once][words_a_tile + 1];
  int const lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  int const warps = static_cast<int>(blockDim.x) / 32;
  matrix_index const tiles = nibble::detail::ceil_div<matrix_index>(plain.columns, 4);
  matrix_index const across = nibble::detail::ceil_div<matrix_index>(tiles, tiles_at_once);
  matrix_index const pieces = across * nibble::detail::ceil_div<matrix_index>(plain.rows, 128);
  for (matrix_index piece = blockIdx.x; piece < pieces; piece += gridDim.x) {
    auto const [strip, at] = split(piece, across);
    matrix_index const first_tile = at * tiles_at_once;
    Byte* const storage = tiled + (strip * tiles + first_tile) * 512;
    auto const by_row = [&](auto const& body) {
      for (int r = warp; r < 128 && first_tile + lane < tiles; r += warps) {
        body(strip * 128 + r, (first_tile + lane) * 4, words[lane][r % 32 * 4 + r / 32]);
      }
    };
    auto const by_tile = [&](auto const& body) {
      for (int t = warp; t < tiles_at_once && first_tile + t < tiles; t += warps) {
        for (int w = lane; w < words_a_tile; w += 32) {
          body(storage + 4 * (t * words_a_tile + w), words[t][w]);
        }
      }
    };
    if constexpr (ToTiles) {
      by_row([&](matrix_index r, matrix_index c, std::uint32_t& word) { word = plain.read(r, c); });
      __syncthreads();
      by_tile([&](Byte* to, std::uint32_t word) { write_word(to, is_aligned, word); });
    } else {
      by_tile([&](Byte* from, std::uint32_t& word) { word = read_word(from, is_aligned); });
      __syncthreads();
      by_row([&](matrix_index r, matrix_index c, std::uint32_t word) { plain.write(r, c, word); });
    }
    __syncthreads();
  }
}

template <bool ToTiles, class Plain, class Tiled>
status launch_move_scales(::cuda::stream_ref stream, Plain const& plain, Tiled const& tiled) {
  using scale = typename Plain::element_type;
  static_assert(sizeof(scale) == 1, "got scales of several bytes; tiles hold scales of one");
  if (!can_swizzle(plain, tiled)) return status::shape_mismatch;
  if (plain.extent(0) == 0 || plain.extent(1) == 0) return status::success;
  using byte = std::conditional_t<ToTiles, std::uint8_t const, std::uint8_t>;
  using tiled_byte = std::conditional_t<ToTiles, std::uint8_t, std::uint8_t const>;
  auto* const first = reinterpret_cast<byte*>(plain.data_handle());
  auto* const storage = reinterpret_cast<tiled_byte*>(tiled.data_handle());
  bool const is_wide = plain.stride(1) == 1 && plain.stride(0) % 4 == 0 && is_aligned(first, 4);
  matrix_index const pieces = nibble::detail::ceil_div<matrix_index>(plain.extent(0), 128) *
                              nibble::detail::ceil_div<matrix_index>(plain.extent(1), 128);
  scale_rows<byte> const rows{first,           plain.stride(0), plain.stride(1),
                              plain.extent(0), plain.extent(1), is_wide};
  move_scales<ToTiles>
      <<<grid_for(pieces * threads_per_block), threads_per_block, 0, stream.get()>>>(
          rows, storage, is_aligned(storage, 4));
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace detail

/// Copies scales into tiles of 128x4; padding becomes zero. See nibble::swizzle.
///
/// shape   both rows x blocks a row; plain in any strides. Fastest where rows are a multiple of 4
///         scales long and aligned to 4 bytes.
/// errors  shape_mismatch: the extents differ, or tiled is a part of a larger matrix. Allocates
///         nothing, can be captured in a graph.
/// bits    those of nibble::swizzle.
template <class From, class Layout, class To>
status swizzle(::cuda::stream_ref stream,
               ::cuda::std::mdspan<From, matrix_extents, Layout> const& plain,
               tiled_scales<To> const& tiled) {
  return detail::launch_move_scales<true>(stream, plain, tiled);
}

/// Copies scales out of tiles of 128x4. See nibble::unswizzle.
///
/// shape, errors, bits  as swizzle, the other way.
template <class From, class To, class Layout>
status unswizzle(::cuda::stream_ref stream, tiled_scales<From> const& tiled,
                 ::cuda::std::mdspan<To, matrix_extents, Layout> const& plain) {
  return detail::launch_move_scales<false>(stream, plain, tiled);
}

}  // namespace nibble::device
