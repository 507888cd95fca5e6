// SPDX-License-Identifier: Apache-2.0
// The kernel for square tiles of 16x16 along columns, or along rows and columns at once: a tile's codes are made
// once, and those of the columns are the same ones turned.
#pragma once

#include <algorithm>

#include "nibble/device/square_codes.cuh"
#include "nibble/device/tile_load.cuh"
#include "nibble/device/tile_order.cuh"
#include "nibble/device/turn_codes.cuh"

namespace nibble::device::detail {

/// Are a direction's codes those of square tiles wherever their values lie, so that those of the transpose are
/// the same ones turned? True of nothing, too; false of what codes are worth.
template <class Quantizer, class Out>
inline constexpr bool turns_squares = std::is_same_v<Quantizer, no_side>;
template <class Quantizer, class Out>
requires has_square_tiles<Quantizer>
inline constexpr bool turns_squares<Quantizer, Out> =
    is_nearest<typename Quantizer::rounding_type> && !is_decoded<Out>;

/// Shared memory of one direction, of whose squares a strip has Down by Across. Host and device must agree on its size,
/// so it is that of an encoder with thresholds, which only the device knows whether it has.
template <class Quantizer, int Down, int Across>
struct square_side {
  alignas(16) float table[tile_encoder<Quantizer>::table_size];
  alignas(16) typename Quantizer::scale_type scales[std::size_t{Down}][std::size_t{Across}];
};
template <int Down, int Across>
struct square_side<no_side, Down, Across> {};

template <class T, class Rows, class Columns>
struct square_memory {
  static constexpr int across = strip_tiles * blocks_per_edge;

  uint4 tile[std::size_t{tile_stages<T>}][std::size_t{tile_edge * chunks_per_row<T>}];
  square_side<Rows, blocks_per_edge, across> rows;
  square_side<Columns, across, blocks_per_edge> columns;
};

/// A lane's part of a square, from (row, block) of a 128x128 tile on.
template <class T>
struct square_of_tile {
  uint4 const* tile;
  int row, block;

  __device__ __forceinline__ void pairs_of(int r, std::uint32_t (&pairs)[8]) const {
    load_row_of_pairs(tile, row_place<T>(row + 4 * r, block), pairs);
  }
  __device__ __forceinline__ void values_of(int r, float (&values)[16]) const {
    load_row<T>(tile, row_place<T>(row + 4 * r, block), values);
  }
};

/// Strips of 128x128 tiles, a CTA at a time: a warp 16 rows of a tile, a lane four blocks, see square_codes.cuh.
/// Codes leave in 64 bytes of a row or column, scales when all of a strip have been made.
template <class T, class Rows, class RowsOut, class Columns, class ColumnsOut>
__global__ void __launch_bounds__(threads_per_block, 3)
    quantize_squares(T const* in, matrix_index pitch, tile_order order, Rows q_rows,
                     tile_output<RowsOut> rows_out, Columns q_columns,
                     tile_output<ColumnsOut> columns_out) {
  constexpr bool has_rows = !std::is_same_v<Rows, no_side>;
  extern __shared__ uint4 raw[];
  auto& memory = kept_shared(*reinterpret_cast<square_memory<T, Rows, Columns>*>(raw));
  auto& [tiles, rows, columns] = memory;
  int const lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  int const row = warp * 16 + lane / 8, block = lane % 8;

  tile_loader<T> const loader(in, pitch);
  auto const start = [&](tile_order::place const& strip, int first, int buffer) {
    loader.start(strip.row, strip.column + first, strip.rows, strip.columns - first, tiles[buffer]);
  };
  auto strip = order.of(blockIdx.x);
  start(strip, 0, 0);
  bool const is_alike = are_alike<Rows, Columns>(rows_out, columns_out);
  auto const row_encoder = encoder_for<finds_squares<T, Rows>()>(q_rows, rows_out, rows);
  auto const column_encoder =
      encoder_for<finds_squares<T, Columns>()>(q_columns, columns_out, columns);
  if constexpr (has_rows) fill_tables(row_encoder);
  // Half of the threads fill a table: the other half for the columns.
  if (!is_alike) fill_tables(column_encoder, threads_per_block - 1 - threadIdx.x);

  int buffer = 0;
  for (std::uint32_t s = blockIdx.x; s < order.count; s += gridDim.x) {
    auto const here = strip;
    for (int first = 0; first < here.columns; first += tile_edge) {
      bool const is_last = first + tile_edge >= here.columns,
                 has_next = !is_last || s + gridDim.x < order.count;
      if (is_last && has_next) strip = order.of(s + gridDim.x);
      auto const start_next = [&](int other) {
        if (has_next) start(strip, is_last ? 0 : first + tile_edge, other);
      };
      uint4* const tile = tiles[buffer];
      __pipeline_wait_prior(0);
      __syncthreads();  // the tile is there, and the one before has been turned
      if constexpr (tile_stages<T> == 2) start_next(buffer ^= 1);
      int const across = first / 16 + block;
      if (row < here.rows && 16 * across < here.columns) {
        square_of_tile<T> const square{tile, row, block};
        std::uint64_t codes[4];  // to nearest, so that positions do not matter
        if constexpr (has_rows) {
          auto const scale = encode_square_from<T, Rows>(row_encoder, square, 0, 0, codes);
          tile_place<false> const place(rows_out.codes, here.row + row, here.column / 16 + across,
                                        1, 1);
          for (int r = 0; r < 4; ++r) {
            *reinterpret_cast<std::uint64_t*>(place.first + 4 * r * place.pitch) = codes[r];
          }
          if (lane < blocks_per_edge) {
            rows.scales[warp][across] = scale;
            if constexpr (std::is_same_v<Rows, Columns>) columns.scales[across][warp] = scale;
          }
        }
        if (!is_alike) {
          auto const scale = encode_square_from<T, Columns>(column_encoder, square, 0, 0, codes);
          if (lane < blocks_per_edge) columns.scales[across][warp] = scale;
        }
        for (int r = 0; r < 4; ++r) keep_codes<T>(tile, row + 4 * r, block, codes[r]);
      }
      __syncthreads();
      turn_codes<T>(tile, tile_place<false>(columns_out.codes, here.column + first, here.row / 16,
                                            here.columns - first, here.rows / 16));
      if constexpr (tile_stages<T> == 1) {
        __syncthreads();
        start_next(0);
      }
    }
    if constexpr (has_rows) {
      store_scales<16>(rows.scales, rows_out.scales, here.row, here.column / 16, here.rows,
                       here.columns / 16, threadIdx.x);
    }
    store_scales<16>(columns.scales, columns_out.scales, here.column, here.row / 16, here.columns,
                     here.rows / 16, threads_per_block - 1 - threadIdx.x);
  }
}

/// Launches quantize_squares on a matrix that is_tileable, with wide codes. Rows may be no_side; quantizers as prepared.
template <class In, class Rows, class RowsOut, class Columns, class ColumnsOut>
status launch_squares(cudaStream_t stream, In const& in, Rows const& q_rows,
                      RowsOut const& rows_out, Columns const& q_columns,
                      ColumnsOut const& columns_out) {
  using value_type = std::remove_cv_t<typename In::value_type>;
  // Strips, a CTA each, where scales of rows lie side by side; else, and where strips would leave
  // multiprocessors idle, single tiles, two each for the tables' sake if there are many.
  constexpr bool has_rows_of_scales = !std::is_same_v<Rows, no_side> && !has_scale_tiles<RowsOut>;
  tile_order const strips(in.extent(0), in.extent(1), strip_tiles);
  bool const in_strips = has_rows_of_scales && strips.count >= 132 * 3;
  tile_order const order = in_strips ? strips : tile_order(in.extent(0), in.extent(1));
  unsigned const grid =
      in_strips ? order.count : std::min(order.count, std::max(order.count / 2, 132u * 16));
  return launch_with<sizeof(square_memory<value_type, Rows, Columns>)>(
      quantize_squares<value_type, Rows, RowsOut, Columns, ColumnsOut>, grid, stream,
      in.data_handle(), static_cast<matrix_index>(in.stride(0)), order, q_rows,
      tile_output<RowsOut>(rows_out), q_columns, tile_output<ColumnsOut>(columns_out));
}

}  // namespace nibble::device::detail
