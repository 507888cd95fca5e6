// SPDX-License-Identifier: Apache-2.0
// The kernel over 128x128 tiles and its launch.
#pragma once

#include <algorithm>

#include "nibble/device/output.cuh"
#include "nibble/device/square_kernel.cuh"
#include "nibble/device/tile_columns.cuh"

namespace nibble::device::detail {

/// How many tiles side by side are a strip, whose scales along rows are written together, a sector of 32 bytes a row.
inline constexpr int strip_tiles = 4;

/// All shared memory of a CTA. Scales that are not written need not wait.
template <class T, class Rows, class RowsOut, class Columns>
struct tile_memory {
  static constexpr bool has_squares = has_square_tiles<Rows> || has_square_tiles<Columns>;

  uint4 tile[std::size_t{tile_stages<T>}][std::size_t{tile_edge * chunks_per_row<T>}];
  side_memory<Rows, (is_decoded<RowsOut> ? 1 : strip_tiles) * blocks_per_edge> rows;
  side_memory<Columns, blocks_per_edge> columns;
  float largest[has_squares ? 64 : 1], amaxes[has_squares ? 64 : 1];
};

/// The memory that holds the tables of the columns' encoder.
template <class Rows, class Columns, int RowsAcross, int ColumnsAcross>
[[nodiscard]] __device__ __forceinline__ auto& tables_of_columns(
    [[maybe_unused]] side_memory<Rows, RowsAcross>& rows,
    side_memory<Columns, ColumnsAcross>& columns, [[maybe_unused]] bool is_alike) {
  if constexpr (std::is_same_v<Rows, Columns> && !std::is_same_v<Rows, no_side>) {
    return is_alike ? static_cast<side_tables<Rows>&>(rows)
                    : static_cast<side_tables<Columns>&>(columns);
  } else {
    return columns;
  }
}

/// Strips of tiles of 128x128, a CTA at a time, tile by tile.
template <class T, class Rows, class RowsOut, class Columns, class ColumnsOut>
__global__ void __launch_bounds__(threads_per_block, 3)
    quantize_tiles_both(T const* in, matrix_index pitch, tile_order order, Rows q_rows,
                        tile_output<RowsOut> rows_out, Columns q_columns,
                        tile_output<ColumnsOut> columns_out) {
  constexpr bool has_rows = !std::is_same_v<Rows, no_side>,
                 has_columns = !std::is_same_v<Columns, no_side>;
  using memory_type = tile_memory<T, Rows, RowsOut, Columns>;
  extern __shared__ uint4 raw[];
  auto& memory = kept_shared(*reinterpret_cast<memory_type*>(raw));

  // While tables are filled and tiles encoded, the next tile is on its way, where there is room for it.
  tile_loader<T> const loader(in, pitch);
  auto const start = [&](tile_order::place const& strip, int first, int buffer) {
    loader.start(strip.row, strip.column + first, strip.rows, strip.columns - first,
                 memory.tile[buffer]);
  };
  auto strip = order.of(blockIdx.x);
  start(strip, 0, 0);
  bool const is_alike = are_alike<Rows, Columns>(rows_out, columns_out);
  auto const row_encoder = encoder_for<std::is_same_v<T, bf16>>(q_rows, rows_out, memory.rows);
  auto const column_encoder = encoder_for<std::is_same_v<T, bf16>>(
      q_columns, columns_out, tables_of_columns(memory.rows, memory.columns, is_alike));
  if constexpr (has_rows) fill_tables(row_encoder);
  // Half of the threads fill a table: the other half for the columns.
  if constexpr (has_columns) {
    if (!is_alike) fill_tables(column_encoder, threads_per_block - 1 - threadIdx.x);
  }

  int buffer = 0;
  for (std::uint32_t s = blockIdx.x; s < order.count; s += gridDim.x) {
    auto const here = strip;
    matrix_index const block_row = here.row / 16, block_column = here.column / 16;
    int const blocks_down = here.rows / 16, blocks_across = here.columns / 16;
    std::uint8_t *to_rows = nullptr, *to_columns = nullptr;  // where the thread's first blocks go
    if constexpr (has_rows) {
      auto const at = first_in_rows();
      to_rows = rows_out.codes.at(here.row + at.row, block_column + at.block);
    }
    if constexpr (has_columns) {
      auto const at = first_in_columns<T>();
      to_columns = columns_out.codes.at(here.column + at.row, block_row + at.block);
    }
    for (int block = 0; block < blocks_across; block += blocks_per_edge) {
      bool const is_last = block + blocks_per_edge >= blocks_across,
                 has_next = !is_last || s + gridDim.x < order.count;
      if (is_last && has_next) strip = order.of(s + gridDim.x);
      auto const start_next = [&](int other) {
        if (has_next) start(strip, is_last ? 0 : 16 * (block + blocks_per_edge), other);
      };
      uint4* const tile = memory.tile[buffer];
      if constexpr (tile_stages<T> == 2) start_next(buffer ^= 1);
      if (has_next && tile_stages<T> == 2) {
        __pipeline_wait_prior(1);
      } else {
        __pipeline_wait_prior(0);
      }
      __syncthreads();
      int const blocks_inside = min(blocks_across - block, blocks_per_edge);
      if constexpr (memory_type::has_squares) {
        find_tile_amaxes<T>(tile, memory.largest, memory.amaxes);
        __syncthreads();
        if constexpr (has_square_tiles<Rows>) choose_tiles(row_encoder, memory.rows, memory.amaxes);
        if constexpr (has_square_tiles<Columns>) {
          choose_tiles(column_encoder, memory.columns, memory.amaxes);
        }
        __syncthreads();
      }
      if constexpr (has_rows) {
        tile_place const place(rows_out.codes, here.row, block_column + block, here.rows,
                               blocks_inside);
        encode_rows<T, Rows>(tile, row_encoder, memory.rows, place, to_rows,
                             is_decoded<RowsOut> ? 0 : block, memory.largest);
        to_rows += blocks_per_edge * code_target<is_decoded<RowsOut>>::block_bytes;
      }
      if constexpr (has_columns) {
        tile_place const place(columns_out.codes, here.column + 16 * block, block_row,
                               16 * blocks_inside, blocks_down);
        encode_columns<T, Columns>(tile, column_encoder, memory.columns, place, to_columns,
                                   memory.largest);
        to_columns += tile_edge * columns_out.codes.pitch;
      }
      __syncthreads();
      if constexpr (tile_stages<T> == 1) start_next(0);
      if constexpr (has_columns && !is_decoded<ColumnsOut>) {
        store_scales<1>(memory.columns.scales, columns_out.scales, here.column + 16 * block,
                        block_row, 16 * blocks_inside, blocks_down,
                        threads_per_block - 1 - threadIdx.x);
      }
    }
    if constexpr (has_rows && !is_decoded<RowsOut>) {
      store_scales<1>(memory.rows.scales, rows_out.scales, here.row, block_column, here.rows,
                      blocks_across, threadIdx.x);
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

/// The strips of a matrix, a CTA each: narrower ones where multiprocessors would be idle. Four below each other, whose
/// scales along columns are a sector of 32 bytes.
[[nodiscard]] inline tile_order strips_of(matrix_index rows, matrix_index columns) noexcept {
  int tiles = strip_tiles;
  while (tiles > 1 && tile_order(rows, columns, tiles, 4).count < 132 * 7) tiles /= 2;
  return {rows, columns, tiles, 4};
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
    tile_order const order = strips_of(in.extent(0), in.extent(1));
    return launch_with<sizeof(tile_memory<value_type, row_type, RowsOut, column_type>)>(
        quantize_tiles_both<value_type, row_type, RowsOut, column_type, ColumnsOut>, order.count,
        stream, in.data_handle(), static_cast<matrix_index>(in.stride(0)), order, rows,
        tile_output<RowsOut>(rows_out), columns, tile_output<ColumnsOut>(columns_out));
  }
}

}  // namespace nibble::device::detail
