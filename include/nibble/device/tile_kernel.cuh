// SPDX-License-Identifier: Apache-2.0
// The kernel over 128x128 tiles and its launch.
#pragma once

#include <algorithm>

#include "nibble/device/output.cuh"
#include "nibble/device/square_kernel.cuh"
#include "nibble/device/tile_columns.cuh"

namespace nibble::device::detail {

/// All shared memory of a CTA.
template <class T, class Rows, class Columns>
struct tile_memory {
  uint4 tile[std::size_t{tile_stages<T>}][std::size_t{tile_edge * chunks_per_row<T>}];
  side_memory<Rows> rows;
  side_memory<Columns> columns;
  float largest[64], amaxes[64];
};

/// The memory that holds the tables of the columns' encoder.
template <class Rows, class Columns>
__device__ __forceinline__ side_memory<Columns>& tables_of([[maybe_unused]] side_memory<Rows>& rows,
                                                           side_memory<Columns>& columns,
                                                           [[maybe_unused]] bool is_alike) {
  if constexpr (std::is_same_v<Rows, Columns>) return is_alike ? rows : columns;
  return columns;
}

/// Tiles of 128x128, a CTA at a time.
template <class T, class Rows, class RowsOut, class Columns, class ColumnsOut>
__global__ void __launch_bounds__(threads_per_block, 3)
    quantize_tiles_both(T const* in, matrix_index pitch, tile_order order, Rows q_rows,
                        tile_output<RowsOut> rows_out, Columns q_columns,
                        tile_output<ColumnsOut> columns_out) {
  constexpr bool has_rows = !std::is_same_v<Rows, no_side>,
                 has_columns = !std::is_same_v<Columns, no_side>,
                 has_squares = has_square_tiles<Rows> || has_square_tiles<Columns>;
  extern __shared__ uint4 raw[];
  auto& memory = kept_shared(*reinterpret_cast<tile_memory<T, Rows, Columns>*>(raw));

  // While tables are filled and tiles encoded, the next tile is on its way, where there is room for it.
  auto const start = [&](tile_order::place const& at, int buffer) {
    start_tile(in + at.row * pitch + at.column, pitch, at.rows, at.columns, memory.tile[buffer]);
  };
  int buffer = 0;
  auto here = order.of(blockIdx.x), next = here;
  start(here, 0);

  bool const is_alike = are_alike<Rows, Columns>(rows_out, columns_out);
  auto const row_encoder = encoder_for<true>(q_rows, rows_out, memory.rows);
  auto const column_encoder =
      encoder_for<true>(q_columns, columns_out, tables_of(memory.rows, memory.columns, is_alike));
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
    if constexpr (has_squares) {
      find_tile_amaxes<T>(tile, memory.largest, memory.amaxes);
      __syncthreads();
      if constexpr (has_square_tiles<Rows>) choose_tiles(row_encoder, memory.rows, memory.amaxes);
      if constexpr (has_square_tiles<Columns>) {
        choose_tiles(column_encoder, memory.columns, memory.amaxes);
      }
      __syncthreads();
    }
    if constexpr (has_rows) {
      encode_rows<T>(tile, row_encoder, memory.rows,
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
    __syncthreads();
    if constexpr (tile_stages<T> == 1) {
      if (has_next) start(next, 0);
    }
    if constexpr (has_rows && !is_decoded<RowsOut>) {
      store_scales<1>(memory.rows.scales, rows_out.scales, first_row, first_column / 16,
                      rows_inside, blocks_across, threadIdx.x);
    }
    if constexpr (has_columns && !is_decoded<ColumnsOut>) {
      store_scales<1>(memory.columns.scales, columns_out.scales, first_column, first_row / 16,
                      columns_inside, blocks_down, threads_per_block - 1 - threadIdx.x);
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
  if (std::is_same_v<Rows, no_side> || std::is_same_v<Columns, no_side>) return 4;
  // Rows of scales meet those of the next tiles in the cache, if it is not long until then.
  return std::is_same_v<Rows, Columns> && !has_scale_tiles<RowsOut> ? 4 : 6;
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
  if constexpr (turns_squares<row_type, RowsOut> && turns_squares<column_type, ColumnsOut> &&
                !std::is_same_v<column_type, no_side>) {
    return launch_squares(stream, in, rows, rows_out, columns, columns_out);
  } else {
    tile_order const order(in.extent(0), in.extent(1));
    // Fewer tiles for each block of threads where not all would be busy.
    constexpr unsigned each = tiles_each<row_type, RowsOut, column_type>();
    return launch_with<sizeof(tile_memory<value_type, row_type, column_type>)>(
        quantize_tiles_both<value_type, row_type, RowsOut, column_type, ColumnsOut>,
        std::min(order.count, std::max(order.count / each, 132u * 16)), stream, in.data_handle(),
        static_cast<matrix_index>(in.stride(0)), order, rows, tile_output<RowsOut>(rows_out),
        columns, tile_output<ColumnsOut>(columns_out));
  }
}

}  // namespace nibble::device::detail
