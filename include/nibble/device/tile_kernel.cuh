// SPDX-License-Identifier: Apache-2.0
// The kernel over 128x128 tiles and its launch.
#pragma once

#include "nibble/device/output.cuh"
#include "nibble/device/tile128.cuh"

namespace nibble::device::detail {

/// All shared memory of a CTA.
template <class T, class Rows, class Columns>
struct tile_memory {
  uint4 tile[tile_edge * tile_edge * sizeof(T) / 16];
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
    return sixteen_encoder<Quantizer>(
        q, Quantizer::outer::shares == tensor_scale::granularity::none ? 0.0f : out.amax(0, 0),
        memory.table);
  }
}

/// Copies a tile to shared memory, 16 bytes at a time; what lies beyond the edge is left as it is,
/// and nobody reads it.
template <class T>
__device__ __forceinline__ void load_tile(T const* in, matrix_index pitch, int rows, int columns,
                                          uint4* tile) {
  constexpr int per_chunk = 16 / static_cast<int>(sizeof(T)),
                chunks_per_row = tile_edge / per_chunk,
                rows_at_once = threads_per_block / chunks_per_row, batch = 8;
  int const chunk = static_cast<int>(threadIdx.x) % chunks_per_row;
  int const row = static_cast<int>(threadIdx.x) / chunks_per_row;
  T const* from = in + row * pitch + chunk * per_chunk;
  for (int first = 0; first < tile_edge; first += rows_at_once * batch) {
    uint4 loaded[std::size_t{batch}]{};
    for (int i = 0; i < batch; ++i) {
      if (row + first + i * rows_at_once < rows && chunk * per_chunk < columns) {
        loaded[i] = *reinterpret_cast<uint4 const*>(from + i * rows_at_once * pitch);
      }
    }
    for (int i = 0; i < batch; ++i) {
      tile[chunk_place<T>(row + first + i * rows_at_once, chunk)] = loaded[i];
    }
    from += rows_at_once * batch * pitch;
  }
}

/// Does a direction leave enough registers for four CTAs on a multiprocessor?
template <class Quantizer>
inline constexpr bool is_light =
    !Quantizer::rounding_type::is_stochastic && Quantizer::transform_type::size == 1;
template <>
inline constexpr bool is_light<no_side> = true;

/// Tiles of 128x128, a CTA at a time: neighbours in a column of tiles first, a few of them, so that
/// what they write side by side meets in the cache.
template <class T, class Rows, class RowsOut, class Columns, class ColumnsOut>
__global__ void __launch_bounds__(threads_per_block,
                                  sizeof(T) == 2 && is_light<Rows> && is_light<Columns> ? 4 : 3)
    quantize_tiles_both(T const* in, matrix_index pitch, matrix_index rows, matrix_index columns,
                        Rows q_rows, RowsOut rows_out, Columns q_columns, ColumnsOut columns_out) {
  constexpr bool has_rows = !std::is_same_v<Rows, no_side>,
                 has_columns = !std::is_same_v<Columns, no_side>,
                 has_squares = has_square_tiles<Rows> || has_square_tiles<Columns>;
  extern __shared__ uint4 raw[];
  auto& memory = *reinterpret_cast<tile_memory<T, Rows, Columns>*>(raw);
  auto const row_encoder = encoder_for(q_rows, rows_out, memory.rows);
  auto const column_encoder = encoder_for(q_columns, columns_out, memory.columns);
  if constexpr (has_rows) row_encoder.fill_table();
  if constexpr (has_columns) column_encoder.fill_table();

  constexpr matrix_index together = 8;
  matrix_index const across = (columns + tile_edge - 1) / tile_edge,
                     down = (rows + tile_edge - 1) / tile_edge;
  for (matrix_index t = blockIdx.x; t < across * down; t += gridDim.x) {
    auto const [band, rest] = split(t, across * together);
    matrix_index const height = min(together, down - band * together);
    auto const [tile_column, within] = split(rest, height);
    matrix_index const first_row = (band * together + within) * tile_edge,
                       first_column = tile_column * tile_edge;
    load_tile(in + first_row * pitch + first_column, pitch,
              static_cast<int>(min(matrix_index{tile_edge}, rows - first_row)),
              static_cast<int>(min(matrix_index{tile_edge}, columns - first_column)), memory.tile);
    __syncthreads();
    if constexpr (has_squares) {
      find_tile_amaxes<T>(memory.tile, memory.largest, memory.amaxes);
      __syncthreads();
      if constexpr (has_square_tiles<Rows>) choose_tiles(row_encoder, memory.rows, memory.amaxes);
      if constexpr (has_square_tiles<Columns>) {
        choose_tiles(column_encoder, memory.columns, memory.amaxes);
      }
      __syncthreads();
    }
    if constexpr (has_rows) {
      encode_rows<T>(memory.tile, row_encoder, memory.rows,
                     tile_place(rows_out, first_row, first_column / 16), memory.largest);
    }
    if constexpr (has_columns) {
      encode_columns<T>(memory.tile, column_encoder, memory.columns,
                        tile_place(columns_out, first_column, first_row / 16), memory.largest);
    }
    __syncthreads();
    if constexpr (has_rows) {
      store_scales(memory.rows.scales, rows_out, first_row, first_column / 16);
    }
    if constexpr (has_columns) {
      store_scales(memory.columns.scales, columns_out, first_column, first_row / 16);
    }
  }
}

/// Can a matrix be read in tiles: rows of whole blocks, 16-byte aligned, and so its columns?
template <class In>
[[nodiscard]] bool is_tileable(In const& in) {
  using value_type = std::remove_cv_t<typename In::value_type>;
  return in.extent(0) % 16 == 0 && in.extent(1) % 16 == 0 && in.stride(1) == 1 &&
         static_cast<std::size_t>(in.stride(0)) * sizeof(value_type) % 16 == 0 &&
         is_aligned(in.data_handle(), 16);
}

/// Launches the kernel on a matrix that is_tileable. Either side may be no_side.
template <class In, class Rows, class RowsOut, class Columns, class ColumnsOut>
status launch_tiles(cudaStream_t stream, In const& in, Rows const& q_rows, RowsOut const& rows_out,
                    Columns const& q_columns, ColumnsOut const& columns_out) {
  using value_type = std::remove_cv_t<typename In::value_type>;
  auto const kernel = quantize_tiles_both<value_type, Rows, RowsOut, Columns, ColumnsOut>;
  constexpr int bytes = sizeof(tile_memory<value_type, Rows, Columns>);
  if (bytes > 48 * 1024 && cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                bytes) != cudaSuccess) {
    return status::launch_failed;
  }
  matrix_index const tiles = nibble::detail::ceil_div<matrix_index>(in.extent(0), tile_edge) *
                             nibble::detail::ceil_div<matrix_index>(in.extent(1), tile_edge);
  auto const grid = static_cast<unsigned>(tiles < 132 * 16 ? tiles : 132 * 16);
  kernel<<<grid, threads_per_block, bytes, stream>>>(
      in.data_handle(), static_cast<matrix_index>(in.stride(0)), in.extent(0), in.extent(1), q_rows,
      rows_out, q_columns, columns_out);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace nibble::device::detail
