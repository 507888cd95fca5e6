// SPDX-License-Identifier: Apache-2.0
// The transpose of a matrix of square tiles on the device: codes and scales moved, the bytes of
// nibble::transpose_tiles.
#pragma once

#include <cuda/stream_ref>

#include "nibble/device/clear.cuh"
#include "nibble/device/operands.cuh"
#include "nibble/device/output.cuh"
#include "nibble/device/quantize.cuh"
#include "nibble/scaling/policy.hpp"

namespace nibble::device {

namespace detail {

/// Transposes 16 x 16 nibbles, a row a word, in registers: the halves change places, then the
/// quarters, the eighths, the sixteenths.
__device__ __forceinline__ void transpose_nibbles(std::uint64_t (&rows)[16]) {
  constexpr std::uint64_t lower[4] = {0x0000'0000'FFFF'FFFFu, 0x0000'FFFF'0000'FFFFu,
                                      0x00FF'00FF'00FF'00FFu, 0x0F0F'0F0F'0F0F'0F0Fu};
  for (int stage = 0; stage < 4; ++stage) {
    int const apart = 8 >> stage;
    for (int i = 0; i < 16; ++i) {
      if ((i & apart) != 0) continue;
      std::uint64_t const differ = ((rows[i] >> (4 * apart)) ^ rows[i + apart]) & lower[stage];
      rows[i + apart] ^= differ;
      rows[i] ^= differ << (4 * apart);
    }
  }
}

/// One thread a block column of a tile: 16 x 16 nibbles by words, others code by code. Eight tiles
/// of a row and four of a column go to a warp, so that both sides touch whole sectors.
template <class In, class Out>
__global__ void __launch_bounds__(threads_per_block) turn_tiles(In in, Out out) {
  using Block = typename Out::block_type;
  constexpr int size = Block::size;
  constexpr bool is_nibbles = size == 16 && Block::element_type::format.width() == 4;
  constexpr matrix_index wide = 8, tall = 4;
  matrix_index const tiles_across = nibble::detail::ceil_div<matrix_index>(in.columns(), size);
  matrix_index const tiles_down = nibble::detail::ceil_div<matrix_index>(in.rows(), size);
  matrix_index const across = nibble::detail::ceil_div(tiles_across, wide);
  matrix_index const count = across * nibble::detail::ceil_div(tiles_down, tall) * 32;
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  matrix_index const start = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (start == 0) out.amax(0, 0) = in.amax(0, 0);
  for (matrix_index g = start; g < count; g += step) {
    auto const [patch_row, patch_column] = split(g / 32, across);
    auto const lane = static_cast<matrix_index>(threadIdx.x) % 32;
    matrix_index const down = patch_row * tall + lane % tall;
    matrix_index const right = patch_column * wide + lane / tall;
    if (down >= tiles_down || right >= tiles_across) continue;
    matrix_index const row = down * size, column = right * size;
    auto const scale = in.scale(row, right);
    if constexpr (is_nibbles) {
      std::uint64_t words[16];
      for (int r = 0; r < 16; ++r) {
        words[r] = 0;
        if (row + r >= in.rows()) continue;
        auto const codes = codes_at<16>(in, row + r, right, 0);
        for (int b = 0; b < 8; ++b) {
          words[r] |= static_cast<std::uint64_t>(codes.bytes()[b]) << (8 * b);
        }
      }
      transpose_nibbles(words);
      for (int c = 0; c < 16 && column + c < out.rows(); ++c) {
        packed<typename Block::element_type, 16> codes{};
        for (int b = 0; b < 8; ++b) {
          codes.bytes()[b] = static_cast<std::uint8_t>(words[c] >> (8 * b));
        }
        store_codes(codes, code_address(out, column + c, down));
        out.scales(column + c, down) = scale;
      }
    } else {
      for (int c = 0; c < size && column + c < out.rows(); ++c) {
        packed<typename Block::element_type, size> codes{};
        for (int r = 0; r < size && row + r < in.rows(); ++r) {
          codes.set(r, codes_at<1>(in, row + r, right, c)[0]);
        }
        store_codes<false>(codes, code_address(out, column + c, down));
        out.scales(column + c, down) = scale;
      }
    }
  }
}

}  // namespace detail

/// The transpose of a matrix that Quantizer made in square tiles, without quantizing again.
///
/// shape   in: rows x columns; out: as shape_for<Quantizer>(columns, rows), a row of scales for
///         every row of codes.
/// errors  shape_mismatch, code_layout, launch_failed: nothing is written then. Allocates nothing, can
///         be captured in a graph.
/// bits    those of nibble::transpose_tiles; equal to quantizing the transposed original.
template <class Quantizer, class BlockIn, class LayoutIn, class Block, class ScaleLayout>
status transpose_tiles(::cuda::stream_ref stream, quantized_view<BlockIn, LayoutIn> const& in,
                       quantized_view<Block, ScaleLayout> const& out) {
  static_assert(
      Quantizer::scaling_type::shape == scaling::tile::square &&
          Quantizer::transform_type::size == 1,
      "got row blocks or a transform; only square tiles of plain values can be transposed, "
      "quantize transposed(matrix) instead");
  status const fits = detail::check_output<Quantizer>(in.columns(), in.rows(), out);
  if (fits != status::success) return fits;
  if (out.rows_per_scale() != 1) return status::shape_mismatch;
  // A tile is a block of threads, or one of 32 that go to a warp.
  constexpr bool is_wide = detail::has_wide_tiles<Block>;
  constexpr matrix_index tall = Block::size * (is_wide ? 1 : 4);
  constexpr matrix_index wide = Block::size * (is_wide ? 1 : 8);
  matrix_index const threads = nibble::detail::ceil_div(in.rows(), tall) *
                               nibble::detail::ceil_div(in.columns(), wide) *
                               (is_wide ? detail::threads_per_block : 32);
  unsigned const grid = detail::grid_for(threads > 0 ? threads : 1);
  if constexpr (is_wide) {
    detail::turn_wide_tiles<<<grid, detail::threads_per_block, 0, stream.get()>>>(in, out);
  } else {
    detail::turn_tiles<<<grid, detail::threads_per_block, 0, stream.get()>>>(in, out);
  }
  detail::launch_clear_padding(stream.get(), out);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace nibble::device
