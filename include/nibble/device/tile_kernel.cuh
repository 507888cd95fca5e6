// SPDX-License-Identifier: Apache-2.0
// The kernel over 128x128 tiles and its launch.
#pragma once

#include "nibble/device/output.cuh"
#include "nibble/device/square_kernel.cuh"
#include "nibble/device/tile_columns.cuh"

namespace nibble::device::detail {

/// All shared memory of a CTA, three of which fit a multiprocessor that has 228 KB, one KB of which a CTA takes besides.
/// Scales that are not written need not wait.
template <class T, class Rows, class RowsOut, class Columns>
struct tile_memory {
  static constexpr bool has_squares = has_square_tiles<Rows> || has_square_tiles<Columns>;

  uint4 tile[std::size_t{tile_stages<T>}][std::size_t{tile_edge * chunks_per_row<T>}];
  side_memory<Rows, T, (is_decoded<RowsOut> ? 1 : strip_tiles) * blocks_per_edge> rows;
  side_memory<Columns, T, blocks_per_edge> columns;
  float largest[has_squares ? 64 : 1];  // of square tiles, NaN included
};

/// The memory that holds the tables of the columns' encoder.
template <class Quantizer, class T, int RowsAcross, int ColumnsAcross>
[[nodiscard]] __device__ __forceinline__ side_tables<Quantizer, T>& tables_of_columns(
    side_memory<Quantizer, T, RowsAcross>& rows, side_memory<Quantizer, T, ColumnsAcross>& columns,
    bool is_alike) {
  return is_alike ? static_cast<side_tables<Quantizer, T>&>(rows) : columns;
}
template <class Rows, class Columns>
[[nodiscard]] __device__ __forceinline__ Columns& tables_of_columns(Rows&, Columns& columns, bool) {
  return columns;
}

/// Strips of tiles of 128x128, a CTA each, tile by tile.
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

  auto const [row, column, rows, columns] = order.of(blockIdx.x);
  matrix_index const block_row = row / 16, block_column = column / 16;
  int const blocks_down = rows / 16, blocks_across = columns / 16;

  // While tables are filled and tiles encoded, the next tile is on its way, where there is room for it.
  tile_loader<T> const loader(in, pitch);
  auto const start = [&](int block, int buffer) {
    loader.start(row, column + 16 * block, rows, columns - 16 * block, memory.tile[buffer]);
  };
  start(0, 0);
  bool const is_alike = are_alike<Rows, Columns>(rows_out, columns_out);
  auto const row_encoder = encoder_for<std::is_same_v<T, bf16>>(q_rows, rows_out, memory.rows);
  auto const column_encoder = encoder_for<std::is_same_v<T, bf16>>(
      q_columns, columns_out, tables_of_columns(memory.rows, memory.columns, is_alike));
  if constexpr (has_rows) fill_tables(row_encoder);
  // Half of the threads fill a table: the other half for the columns.
  if constexpr (has_columns) {
    if (!is_alike) fill_tables(column_encoder, threads_per_block - 1 - threadIdx.x);
  }

  std::uint8_t *to_rows = nullptr, *to_columns = nullptr;  // where the thread's first blocks go
  if constexpr (has_rows) {
    auto const at = first_in_rows();
    to_rows = rows_out.codes.at(row + at.row, block_column + at.block);
  }
  if constexpr (has_columns) {
    auto const at = first_in_columns<T>();
    to_columns = columns_out.codes.at(column + at.row, block_row + at.block);
  }
  int buffer = 0;
  for (int block = 0; block < blocks_across; block += blocks_per_edge) {
    bool const has_next = block + blocks_per_edge < blocks_across;
    uint4* const tile = memory.tile[buffer];
    if (has_next && tile_stages<T> == 2) {
      start(block + blocks_per_edge, buffer ^= 1);
      __pipeline_wait_prior(1);
    } else {
      __pipeline_wait_prior(0);
    }
    __syncthreads();
    if constexpr (memory_type::has_squares) {
      auto const found = find_square_amax<T>(tile);
      if (int const square = static_cast<int>(threadIdx.x) / 4; threadIdx.x % 4 == 0) {
        memory.largest[square] = found.with_nan;
        if constexpr (has_square_tiles<Rows>) {
          choose_tile(row_encoder, memory.rows, square, found.of_numbers);
        }
        if constexpr (has_square_tiles<Columns>) {
          choose_tile(column_encoder, memory.columns, square, found.of_numbers);
        }
      }
      __syncthreads();
    }
    int const blocks_inside = min(blocks_across - block, blocks_per_edge);
    if constexpr (has_rows) {
      tile_place const place(rows_out.codes, row, block_column + block, rows, blocks_inside);
      encode_rows<T, Rows>(tile, row_encoder, memory.rows, place, to_rows,
                           is_decoded<RowsOut> ? 0 : block, memory.largest);
      to_rows += blocks_per_edge * code_target<is_decoded<RowsOut>>::block_bytes;
    }
    if constexpr (has_columns) {
      tile_place const place(columns_out.codes, column + 16 * block, block_row, 16 * blocks_inside,
                             blocks_down);
      encode_columns<T, Columns>(tile, column_encoder, memory.columns, place, to_columns,
                                 memory.largest);
      to_columns += tile_edge * columns_out.codes.pitch;
    }
    __syncthreads();
    if constexpr (tile_stages<T> == 1) {
      if (has_next) start(block + blocks_per_edge, 0);
    }
    if constexpr (has_columns && !is_decoded<ColumnsOut>) {
      store_scales<1>(memory.columns.scales, columns_out.scales, column + 16 * block, block_row,
                      16 * blocks_inside, blocks_down, threads_per_block - 1 - threadIdx.x);
    }
  }
  if constexpr (has_rows && !is_decoded<RowsOut>) {
    store_scales<1>(memory.rows.scales, rows_out.scales, row, block_column, rows, blocks_across,
                    threadIdx.x);
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

/// The strips of a matrix, a CTA each; narrower ones where there would be fewer than seven for each of an H200's 132
/// multiprocessors: of 8192 x 8192, 1024 of four tiles gave 77 % of a copy and 2048 of two 74. Four below each other first,
/// whose scales along columns are a sector of 32 bytes.
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
