// SPDX-License-Identifier: Apache-2.0
// The exact sums of NVFP4 products from int8 tensor cores.
// See digits.cuh for the digits and the proof. They lie side by side along K, A's as d0 d1 d2 and B's
// as d2 d1 d0: then each weight's sum is one product of contiguous parts, five products with nine times
// K in all. FP64 tensor cores would do it too, in chunks of 2^10; on an H100 they take twice as long,
// and few other GPUs have them.
#pragma once

#include "nibble/cublas/product.cuh"
#include "nibble/device/digits.cuh"
#include "nibble/device/finish.cuh"
#include "nibble/device/operands.cuh"
#include "nibble/device/workspace.cuh"

namespace nibble::device::detail {

/// Rows and columns of the output that are worked on at once: 335 MB of sums, and enough products
/// of 128 x 256 for four waves on 132 SMs.
inline constexpr matrix_index exact_tile = 4096;

[[nodiscard]] NIBBLE_HD constexpr matrix_index round_to_16(matrix_index value) noexcept {
  return (value + 15) / 16 * 16;
}

/// Where the digits of a chunk begin within a row, and how many values of k it has.
struct digit_place {
  matrix_index first, depth;
};
[[nodiscard]] NIBBLE_HD constexpr digit_place chunk_at(matrix_index chunk,
                                                       matrix_index depth) noexcept {
  matrix_index const left = depth - chunk * digit_chunk;
  return {chunk * digit_chunk * digit_count, left < digit_chunk ? left : digit_chunk};
}

/// The digits of `rows` rows (those past the matrix are zeros), 16 values of k a thread, and which
/// rows hold a NaN scale.
///
/// shape   digits: rows x 3 depth; depth: whole blocks.
template <bool Reversed, class View>
__global__ void __launch_bounds__(threads_per_block)
    split_digits(View in, std::int8_t* digits, std::uint8_t* is_nan, matrix_index rows,
                 matrix_index depth) {
  static_assert(View::block_type::size == 16, "got blocks of another size than the vectors here");
  matrix_index const across = depth / 16;
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  for (matrix_index g = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
       g < across * rows; g += step) {
    auto const [row, block] = split(g, across);
    std::uint32_t words[digit_count][4] = {};
    if (row < in.rows()) {
      std::uint32_t const scale = in.scale(row, block).bits();
      if (is_nan_scale(scale)) is_nan[row] = 1;
      std::uint32_t codes[2];
      words_of(codes_at<16>(in, row, block, 0), codes);
      split_block(codes, scale_units(scale), words);
    }
    auto const chunk = chunk_at(block * 16 / digit_chunk, depth);
    std::int8_t* const to =
        digits + row * depth * digit_count + chunk.first + block * 16 % digit_chunk;
    for (int d = 0; d < digit_count; ++d) {
      int const slot = Reversed ? digit_count - 1 - d : d;
      *reinterpret_cast<uint4*>(to + slot * chunk.depth) =
          uint4{words[d][0], words[d][1], words[d][2], words[d][3]};
    }
  }
}

/// The sums of one tile of the output.
struct weighted_sums {
  std::int32_t const* planes;  // weight_count x rows x pitch
  matrix_index plane, pitch;
  std::int64_t* carried;  // of earlier chunks, or null
  std::uint8_t const* nan_rows;
  std::uint8_t const* nan_columns;

  /// Units of 2^-20, four at a time.
  __device__ void units(matrix_index i, matrix_index j, std::int64_t (&sum)[finish_width]) const {
    matrix_index const at = i * pitch + j;
    for (int c = 0; c < finish_width; ++c) sum[c] = carried != nullptr ? carried[at + c] : 0;
    if (planes == nullptr) return;
    for (int w = 0; w < weight_count; ++w) {
      int4 const four = *reinterpret_cast<int4 const*>(planes + w * plane + at);
      sum[0] += weigh(w, four.x);
      sum[1] += weigh(w, four.y);
      sum[2] += weigh(w, four.z);
      sum[3] += weigh(w, four.w);
    }
  }
  __device__ void operator()(matrix_index i, matrix_index j, float (&sum)[finish_width]) const {
    std::int64_t exact[finish_width];
    units(i, j, exact);
    for (int c = 0; c < finish_width; ++c) {
      sum[c] = nan_rows[i] != 0 || nan_columns[j + c] != 0
                   ? nibble::detail::float_from_bits(0x7FC0'0000u)
                   : rounded_units(exact[c]);
    }
  }
};

/// Adds a chunk's sums to those of the chunks before it. (A template, so that two units may have it.)
template <class Sums>
__global__ void __launch_bounds__(threads_per_block)
    carry_sums(Sums sums, bool is_first, std::int64_t* to, matrix_index rows) {
  if (is_first) sums.carried = nullptr;
  matrix_index const across = sums.pitch / finish_width;
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  for (matrix_index g = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
       g < across * rows; g += step) {
    auto const [i, quad] = split(g, across);
    std::int64_t units[finish_width];
    sums.units(i, quad * finish_width, units);
    for (int c = 0; c < finish_width; ++c) to[i * sums.pitch + quad * finish_width + c] = units[c];
  }
}

/// What an exact product needs beside its operands.
struct exact_memory {
  matrix_index rows, columns, depth;     // padded to 16
  matrix_index tile_rows, tile_columns;  // of the output, at once
  std::int8_t *a, *b;                    // digits
  std::uint8_t *nan_rows, *nan_columns;  // one a row, one a column
  std::int32_t* planes;
  std::int64_t* carried;
  void* library;

  exact_memory(arena& memory, matrix_index m, matrix_index n, matrix_index k) noexcept
      : rows(round_to_16(m)),
        columns(round_to_16(n)),
        depth(round_to_16(k)),
        tile_rows(rows < exact_tile ? rows : exact_tile),
        tile_columns(columns < exact_tile ? columns : exact_tile),
        a(memory.take<std::int8_t>(rows * depth * digit_count)),
        b(memory.take<std::int8_t>(columns * depth * digit_count)),
        nan_rows(memory.take<std::uint8_t>(rows)),
        nan_columns(memory.take<std::uint8_t>(columns)),
        planes(memory.take<std::int32_t>(tile_rows * tile_columns * weight_count)),
        carried(memory.take<std::int64_t>(depth > digit_chunk ? tile_rows * tile_columns : 0)),
        library(memory.take<std::byte>(matrix_index{cublas::workspace_bytes})) {}
};

/// The five sums of one chunk for one tile.
[[nodiscard]] inline status multiply_digits(cublas::handle const& handle, cudaStream_t stream,
                                            exact_memory const& m, digit_place const& chunk,
                                            matrix_index row, matrix_index column,
                                            matrix_index rows, matrix_index columns) noexcept {
  matrix_index const pitch = m.depth * digit_count;
  for (int w = 0; w < weight_count; ++w) {
    int const pairs = w < digit_count ? w + 1 : weight_count - w;
    int const skip_a = w < digit_count ? 0 : w - digit_count + 1;
    int const skip_b = w < digit_count ? digit_count - 1 - w : 0;
    cublas::product p{};
    p.what = cublas::elements::int8;
    p.rows = rows;
    p.columns = columns;
    p.depth = pairs * chunk.depth;
    p.a = {m.a + row * pitch + chunk.first + skip_a * chunk.depth, pitch};
    p.b = {m.b + column * pitch + chunk.first + skip_b * chunk.depth, pitch};
    p.out = m.planes + w * m.tile_rows * m.tile_columns;
    p.out_pitch = m.tile_columns;
    status const s = cublas::multiply(handle, stream, p, m.library);
    if (s != status::success) return s;
  }
  return status::success;
}

/// out = the exact sums of A and B, each rounded once, then the epilogue.
template <class ViewA, class ViewB, class AlphaOf, class Out>
[[nodiscard]] status multiply_exactly(cublas::handle const& handle, cudaStream_t stream,
                                      exact_memory const& m, ViewA const& a, ViewB const& b,
                                      AlphaOf const& alpha_of, Out const& out, epilogue const& e) {
  if (m.depth > 0) {
    cudaError_t const cleared =
        cudaMemsetAsync(m.nan_rows, 0, static_cast<std::size_t>(m.rows), stream);
    cudaError_t const cleared_too =
        cudaMemsetAsync(m.nan_columns, 0, static_cast<std::size_t>(m.columns), stream);
    if (cleared != cudaSuccess || cleared_too != cudaSuccess) return status::launch_failed;
    split_digits<false><<<grid_for(m.rows * m.depth / 16), threads_per_block, 0, stream>>>(
        a, m.a, m.nan_rows, m.rows, m.depth);
    split_digits<true><<<grid_for(m.columns * m.depth / 16), threads_per_block, 0, stream>>>(
        b, m.b, m.nan_columns, m.columns, m.depth);
    if (cudaPeekAtLastError() != cudaSuccess) return status::launch_failed;
  } else {
    return launch_finish(stream, no_sums{}, alpha_of, out, e, 0, 0, out.extent(0), out.extent(1));
  }
  matrix_index const chunks = nibble::detail::ceil_div(m.depth, digit_chunk);
  for (matrix_index row = 0; row < m.rows; row += m.tile_rows) {
    for (matrix_index column = 0; column < m.columns; column += m.tile_columns) {
      matrix_index const rows = m.rows - row < m.tile_rows ? m.rows - row : m.tile_rows;
      matrix_index const columns =
          m.columns - column < m.tile_columns ? m.columns - column : m.tile_columns;
      weighted_sums const sums{m.planes,         m.tile_rows * m.tile_columns,
                               m.tile_columns,   chunks > 1 ? m.carried : nullptr,
                               m.nan_rows + row, m.nan_columns + column};
      for (matrix_index chunk = 0; chunk < chunks; ++chunk) {
        status const s = multiply_digits(handle, stream, m, chunk_at(chunk, m.depth), row, column,
                                         rows, columns);
        if (s != status::success) return s;
        if (chunk + 1 < chunks) {
          carry_sums<<<grid_for(rows * m.tile_columns / finish_width), threads_per_block, 0,
                       stream>>>(sums, chunk == 0, m.carried, rows);
        }
      }
      matrix_index const down = out.extent(0) - row, across = out.extent(1) - column;
      status const s =
          launch_finish(stream, sums, alpha_of, out, e, row, column, down < rows ? down : rows,
                        across < columns ? across : columns);
      if (s != status::success) return s;
    }
  }
  return status::success;
}

}  // namespace nibble::device::detail
