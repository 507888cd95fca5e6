// SPDX-License-Identifier: Apache-2.0
// The kernel over 128x128 tiles and its launch.
#pragma once

#include <cuda_pipeline_primitives.h>

#include <algorithm>

#include "nibble/device/output.cuh"
#include "nibble/device/square_rows.cuh"
#include "nibble/device/tile_columns.cuh"
#include "nibble/device/tile_order.cuh"

namespace nibble::device::detail {

/// How many tiles are in shared memory at a time: of floats one, so that three CTAs fit.
template <class T>
inline constexpr int tile_stages = sizeof(T) == 2 ? 2 : 1;

/// All shared memory of a CTA.
template <class T, class Rows, class Columns>
struct tile_memory {
  uint4 tile[std::size_t{tile_stages<T>}][std::size_t{tile_edge * chunks_per_row<T>}];
  side_memory<Rows> rows;
  side_memory<Columns> columns;
  float largest[64], amaxes[64];
};

/// The encoder of a direction, or nothing.
template <class Quantizer, class Out>
__device__ __forceinline__ auto encoder_for(Quantizer const& q, Out const& out,
                                            side_memory<Quantizer>& memory) {
  if constexpr (std::is_same_v<Quantizer, no_side>) {
    return no_side{};
  } else {
    return tile_encoder<Quantizer>(
        q, Quantizer::outer::shares == tensor_scale::granularity::none ? 0.0f : out.amax(),
        memory.table);
  }
}

/// The memory that holds the tables of the columns' encoder.
template <class Rows, class Columns>
__device__ __forceinline__ side_memory<Columns>& tables_of([[maybe_unused]] side_memory<Rows>& rows,
                                                           side_memory<Columns>& columns,
                                                           [[maybe_unused]] bool is_alike) {
  if constexpr (std::is_same_v<Rows, Columns>) return is_alike ? rows : columns;
  return columns;
}

/// Begins to copy a tile to shared memory, 16 bytes at a time, as one group of asynchronous copies;
/// what lies beyond the edge is left as it is, and nobody reads it.
template <class T>
__device__ __forceinline__ void start_tile(T const* in, matrix_index pitch, int rows, int columns,
                                           uint4* tile) {
  constexpr int per_chunk = 16 / static_cast<int>(sizeof(T)),
                rows_at_once = threads_per_block / chunks_per_row<T>;
  unsigned const first_chunk = threadIdx.x % unsigned{chunks_per_row<T>};
  unsigned const first_row = threadIdx.x / unsigned{chunks_per_row<T>};
  int const chunk = static_cast<int>(first_chunk), row = static_cast<int>(first_row);
  T const* from = in + (first_row * pitch + first_chunk * unsigned{per_chunk});
  if (rows == tile_edge && columns == tile_edge) {
    // chunk_place of row + first: each 16 rows further down another chunk.
    static_assert(rows_at_once <= 16 && 16 % rows_at_once == 0);
    int const place = chunk_place<T>(row, chunk);
#pragma unroll
    for (int first = 0; first < tile_edge; first += rows_at_once, from += rows_at_once * pitch) {
      __pipeline_memcpy_async(tile + ((place ^ first >> 4) + first * chunks_per_row<T>), from, 16);
    }
  } else if (chunk * per_chunk < columns) {
#pragma unroll 1
    for (int r = row; r < rows; r += rows_at_once, from += rows_at_once * pitch) {
      __pipeline_memcpy_async(tile + chunk_place<T>(r, chunk), from, 16);
    }
  }
  __pipeline_commit();
}

/// Tiles of 128x128, a CTA at a time.
template <class T, class Rows, class RowsOut, class Columns, class ColumnsOut>
__global__ void __launch_bounds__(threads_per_block, 3)
    quantize_tiles_both(T const* in, matrix_index pitch, tile_order order, Rows q_rows,
                        tile_output<RowsOut> rows_out, Columns q_columns,
                        tile_output<ColumnsOut> columns_out) {
  constexpr bool has_rows = !std::is_same_v<Rows, no_side>,
                 has_columns = !std::is_same_v<Columns, no_side>,
                 has_squares = has_square_tiles<Rows> || has_square_tiles<Columns>,
                 may_turn = makes_same_codes<Rows, Columns> && !is_decoded<RowsOut> &&
                            !is_decoded<ColumnsOut>;
  extern __shared__ uint4 raw[];
  auto& memory = kept_shared(*reinterpret_cast<tile_memory<T, Rows, Columns>*>(raw));

  // While tables are filled and tiles encoded, the next tile is on its way, where there is room for it.
  auto const start = [&](tile_order::place const& at, int buffer) {
    start_tile(in + at.row * pitch + at.column, pitch, at.rows, at.columns, memory.tile[buffer]);
  };
  int buffer = 0;
  auto here = order.of(blockIdx.x), next = here;
  start(here, 0);

  // Two directions of one kind and amax have the same tables, and of square tiles the same codes.
  bool is_alike = false;
  if constexpr (has_rows && std::is_same_v<Rows, Columns>) {
    is_alike = Rows::outer::shares == tensor_scale::granularity::none ||
               arch::equal(rows_out.amax(), columns_out.amax());
  }
  auto const row_encoder = encoder_for(q_rows, rows_out, memory.rows);
  auto const column_encoder =
      encoder_for(q_columns, columns_out, tables_of(memory.rows, memory.columns, is_alike));
  if constexpr (has_rows) fill_tables(row_encoder);
  // Half of the threads fill a table: the other half for the columns.
  if constexpr (has_columns) {
    if (!is_alike) fill_tables(column_encoder, threads_per_block - 1 - threadIdx.x);
  }

  for (std::uint32_t t = blockIdx.x; t < order.count; t += gridDim.x, here = next) {
    bool const has_next = t + gridDim.x < order.count;
    if (has_next) {
      next = order.of(t + gridDim.x);
      if constexpr (tile_stages<T> == 2) start(next, buffer ^ 1);
    }
    if (has_next && tile_stages<T> == 2) {
      __pipeline_wait_prior(1);
    } else {
      __pipeline_wait_prior(0);
    }
    __syncthreads();
    uint4* const tile = memory.tile[buffer];
    buffer ^= tile_stages<T> - 1;
    auto const [first_row, first_column, rows_inside, columns_inside] = here;
    int const blocks_down = rows_inside >> 4, blocks_across = columns_inside >> 4;
    if (has_squares && !(finds_squares<T, Rows>() && is_alike && may_turn)) {
      find_tile_amaxes<T>(tile, memory.largest, memory.amaxes);
      __syncthreads();
      if constexpr (has_square_tiles<Rows>) choose_tiles(row_encoder, memory.rows, memory.amaxes);
      if constexpr (has_square_tiles<Columns>) {
        choose_tiles(column_encoder, memory.columns, memory.amaxes);
      }
      __syncthreads();
    }
    bool is_done = false;
    if constexpr (may_turn) {
      if (is_alike) {
        tile_place<false> const place(rows_out.codes, first_row, first_column / 16, rows_inside,
                                      blocks_across);
        if constexpr (finds_squares<T, Rows>()) {
          encode_square_rows<Rows>(tile, row_encoder, memory.rows, place);
        } else {
          encode_rows<T, true>(tile, row_encoder, memory.rows, place, memory.largest);
        }
        __syncthreads();
        turn_codes<T>(
            tile, memory.rows, memory.columns,
            tile_place<is_decoded<ColumnsOut>>(columns_out.codes, first_column, first_row / 16,
                                               columns_inside, blocks_down));
        is_done = true;
      }
    }
    if (!is_done) {
      if constexpr (has_rows) {
        encode_rows<T, false>(
            tile, row_encoder, memory.rows,
            tile_place<is_decoded<RowsOut>>(rows_out.codes, first_row, first_column / 16,
                                            rows_inside, blocks_across),
            memory.largest);
      }
      if constexpr (has_columns) {
        encode_columns<T>(
            tile, column_encoder, memory.columns,
            tile_place<is_decoded<ColumnsOut>>(columns_out.codes, first_column, first_row / 16,
                                               columns_inside, blocks_down),
            memory.largest);
      }
    }
    __syncthreads();
    if constexpr (tile_stages<T> == 1) {
      if (has_next) start(next, 0);
    }
    if constexpr (has_rows && !is_decoded<RowsOut>) {
      store_scales<1>(memory.rows.scales, rows_out.scales, first_row, first_column / 16,
                      rows_inside, blocks_across, static_cast<int>(threadIdx.x));
    }
    if constexpr (has_columns && !is_decoded<ColumnsOut>) {
      store_scales<1>(memory.columns.scales, columns_out.scales, first_column, first_row / 16,
                      columns_inside, blocks_down,
                      threads_per_block - 1 - static_cast<int>(threadIdx.x));
    }
  }
}

/// Can a matrix be read in tiles: rows of whole blocks, 16-byte aligned, and so its columns, and
/// tiles that 31 bits can count?
template <class In>
[[nodiscard]] bool is_tileable(In const& in) {
  matrix_index const down = nibble::detail::ceil_div<matrix_index>(in.extent(0), tile_edge),
                     across = nibble::detail::ceil_div<matrix_index>(in.extent(1), tile_edge);
  return in.extent(0) % 16 == 0 && in.extent(1) % 16 == 0 && has_wide_rows(in) &&
         across < (matrix_index{1} << 28) && down < (matrix_index{1} << 31) / (across + 1);
}

/// How many tiles a block of threads takes, for the tables that it fills first: measured on an H200, 16384 x 16384.
template <class Rows, class RowsOut, class Columns>
[[nodiscard]] constexpr unsigned tiles_each() {
  if (makes_same_codes<Rows, Columns>) return 2;
  if (std::is_same_v<Rows, no_side> || std::is_same_v<Columns, no_side>) return 4;
  // Rows of scales meet those of the next tiles in the cache, if it is not long until then.
  constexpr bool has_scale_tiles = requires { RowsOut::scale_layout::tile_rows; };
  return std::is_same_v<Rows, Columns> && !has_scale_tiles ? 4 : 6;
}

/// Launches the kernel on a matrix that is_tileable. Either side may be no_side.
template <class In, class Rows, class RowsOut, class Columns, class ColumnsOut>
status launch_tiles(cudaStream_t stream, In const& in, Rows const& q_rows, RowsOut const& rows_out,
                    Columns const& q_columns, ColumnsOut const& columns_out) {
  using value_type = std::remove_cv_t<typename In::value_type>;
  auto const rows = prepared(q_rows);
  auto const columns = prepared(q_columns);
  using row_type = std::remove_const_t<decltype(rows)>;
  using column_type = std::remove_const_t<decltype(columns)>;
  auto const kernel = quantize_tiles_both<value_type, row_type, RowsOut, column_type, ColumnsOut>;
  constexpr int bytes = sizeof(tile_memory<value_type, row_type, column_type>);
  if (bytes > 48 * 1024 && cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                bytes) != cudaSuccess) {
    return status::launch_failed;
  }
  tile_order const order(in.extent(0), in.extent(1));
  // Fewer tiles for each block of threads where not all would be busy.
  constexpr unsigned each = tiles_each<row_type, RowsOut, column_type>();
  unsigned const grid = std::min(order.count, std::max(order.count / each, 132u * 16));
  kernel<<<grid, threads_per_block, bytes, stream>>>(
      in.data_handle(), static_cast<matrix_index>(in.stride(0)), order, rows,
      tile_output<RowsOut>(rows_out), columns, tile_output<ColumnsOut>(columns_out));
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace nibble::device::detail
