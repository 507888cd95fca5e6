// SPDX-License-Identifier: Apache-2.0
// The kernel for square tiles of 16x16 along rows, each tile's codes from the registers of four lanes.
#pragma once

#include <algorithm>

#include "nibble/device/square_codes.cuh"
#include "nibble/device/tile_order.cuh"
#include "nibble/device/tile_output.cuh"

namespace nibble::device::detail {

/// Shared memory of strips. Scales are of two, which take turns: one is written while the other is read.
template <class T, class Quantizer>
struct strip_memory {
  alignas(16) float table[square_encoder<T, Quantizer>::table_size];
  alignas(16) typename Quantizer::scale_type
      scales[2][std::size_t{blocks_per_edge}][std::size_t{strip_tiles * blocks_per_edge}];
};

/// 128 rows of 512 columns a CTA, or of 128 where `order` says so: a warp 16 rows, eight tiles at a time, so that
/// codes leave in 64 bytes of a row; scales when all have been made, whole sectors of them. Two CTAs a
/// multiprocessor, whose warps load 8 KB at a time, are faster than more of them with less each.
template <class T, class Out, class Quantizer>
__global__ void __launch_bounds__(threads_per_block, 2)
    quantize_square_strips(T const* in, matrix_index pitch, tile_order order, tile_output<Out> out,
                           Quantizer q) {
  constexpr int steps = strip_tiles, steps_at_once = 4 / static_cast<int>(sizeof(T));
  __shared__ strip_memory<T, Quantizer> memory;
  auto const encoder = encoder_for<finds_squares<T, Quantizer>()>(q, out, memory);
  fill_tables(encoder);
  __syncthreads();
  int const lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  int const row = warp * 16 + lane / 8, block = lane % 8;
  int half = 0;
  for (std::uint32_t s = blockIdx.x; s < order.count; s += gridDim.x, half ^= 1) {
    auto const here = order.of_rows(s);
    if (row < here.rows) {
      T const* from = in + (here.row + row) * pitch + here.column + 16 * block;
      tile_place<false> const place(out.codes, here.row + row, here.column / 16 + block, 1, 1);
      std::uint8_t* to = place.first;
#pragma unroll steps_at_once
      for (int step = 0; step < steps; ++step, from += tile_edge, to += tile_edge / 2) {
        int const tile = step * blocks_per_edge + block;
        if (16 * tile >= here.columns) break;
        square_values<T> const values(from, pitch);
        std::uint64_t codes[4];
        auto const scale = encode_square_from<T, Quantizer>(
            encoder, values, place.position + static_cast<std::uint64_t>(step * tile_edge),
            place.columns, codes);
        for (int r = 0; r < 4; ++r) {
          *reinterpret_cast<std::uint64_t*>(to + 4 * r * place.pitch) = codes[r];
        }
        if (lane < blocks_per_edge) memory.scales[half][warp][tile] = scale;
      }
    }
    __syncthreads();
    store_scales<16>(memory.scales[half], out.scales, here.row, here.column / 16, here.rows,
                     here.columns / 16, threadIdx.x);
  }
}

/// Launches quantize_square_strips on a matrix that is_tileable, with wide codes; the quantizer as prepared.
template <class In, class Out, class Quantizer>
void launch_square_strips(cudaStream_t stream, In const& in, Out const& out, Quantizer const& q) {
  using value_type = std::remove_cv_t<typename In::value_type>;
  constexpr std::uint32_t wave = 132 * 2;
  tile_order const strips(in.extent(0), in.extent(1), strip_tiles);
  tile_order const order = strips.count < wave ? tile_order(in.extent(0), in.extent(1)) : strips;
  // Two waves once tables are a small part of the work: 16384 x 16384 96.9 % of a copy for 95.2, 8192 x 8192 87 for 88.
  std::uint32_t const grid = std::min(order.count, order.count < 8 * wave ? wave : 2 * wave);
  quantize_square_strips<value_type, Out><<<grid, threads_per_block, 0, stream>>>(
      in.data_handle(), static_cast<matrix_index>(in.stride(0)), order, tile_output<Out>(out), q);
}

}  // namespace nibble::device::detail
