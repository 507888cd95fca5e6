// SPDX-License-Identifier: Apache-2.0
// The kernels that go over a matrix group by group: one for everything, one for square tiles.
#pragma once

#include "nibble/device/pair_blocks.cuh"

namespace nibble::device::detail {

/// The kernels' view of where an element is; see nibble::position.
template <class Out>
__device__ __forceinline__ position position_of(Out const& out, matrix_index row,
                                                matrix_index column) {
  return {static_cast<std::uint64_t>(row * out.columns() + column),
          static_cast<std::uint64_t>(out.columns())};
}

/// One thread, one group, any shape; any strides, or, if Vector, rows of whole groups loaded 16
/// bytes wide.
template <bool Vector, class In, class Out, class Quantizer>
__global__ void __launch_bounds__(threads_per_block) quantize_groups(In in, Out out, Quantizer q) {
  using Block = typename Out::block_type;
  constexpr auto rows = static_cast<std::size_t>(Quantizer::group.rows);
  constexpr auto columns = static_cast<std::size_t>(Quantizer::group.columns);
  auto const shared = Quantizer::prepare({Quantizer::has_one_amax ? out.amax(0, 0) : 0.0f});
  matrix_index const across = nibble::detail::ceil_div<matrix_index>(out.columns(), columns);
  matrix_index const down = nibble::detail::ceil_div<matrix_index>(out.rows(), rows);
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  for (matrix_index g = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
       g < across * down; g += step) {
    auto const [group_row, group_column] = group_place(in, g, across, down);
    matrix_index const row = group_row * matrix_index{rows},
                       column = group_column * matrix_index{columns};
    float values[rows][columns];
    if constexpr (Vector) {
      load_vectors(&in(row, column), values[0]);
    } else {
      load_checked(in, row, column, values);
    }
    for (auto& one : values) q.transform_row(one);
    auto const factors =
        Quantizer::has_one_amax ? shared : Quantizer::prepare({out.amax_of(row, column)});
    auto const result = q.encode(values, factors, position_of(out, row, column));
    for (int r = 0; r < Quantizer::group.rows && row + r < out.rows(); ++r) {
      for (int b = 0; b < Quantizer::blocks_per_row; ++b) {
        matrix_index const block = column / Block::size + b;
        if (block >= out.scales.extent(1)) break;
        Block const& made = Quantizer::block_of(result, r, b);
        std::uint8_t* const to = code_address(out, row + r, block);
        if constexpr (Vector) {
          store_codes<true>(made.codes, to);
        } else {
          store_codes(made.codes, to);
        }
        if (out.rows_per_scale() == 1) {
          out.scales(row + r, block) = made.scale;
        } else if (r == 0) {
          out.scales(row / Block::size, block) = made.scale;
        }
      }
    }
  }
}

/// Where a lane's part of a row of a 16x16 tile goes: 8 codes of row `row` from `column` on.
template <class Out>
__device__ __forceinline__ void store_tile_part(Out const& out, matrix_index row,
                                                matrix_index column, std::uint32_t codes,
                                                typename Out::block_type::scale_type scale) {
  *reinterpret_cast<std::uint32_t*>(code_address(out, row, column / 16) + column % 16 / 2) = codes;
  bool const is_replicated = out.rows_per_scale() == 1;
  if (column % 16 == 0 && (is_replicated || row % 16 == 0)) {
    out.scales(is_replicated ? row : row / 16, column / 16) = scale;
  }
}

/// The largest of the lanes that share a 16x16 tile with this one, of bits that order like magnitudes.
[[nodiscard]] __device__ __forceinline__ std::uint32_t largest_of_tile(std::uint32_t largest) {
  for (int const other : {1, 8, 16}) {
    largest = max(largest, __shfl_xor_sync(0xFFFF'FFFFu, largest, other));
  }
  return largest;
}

/// Four rows of 8 bf16 in pairs of each lane, where every tile of the warp is of the ordinary kind: no
/// NaN, nothing that saturates. Returns false, and does nothing, where one is not.
template <class Out, class Quantizer>
[[nodiscard]] __device__ __forceinline__ bool encode_tiles_of_pairs(
    uint4 const (&rows)[4], sixteen_encoder<Quantizer, true> const& encoder, Out const& out,
    matrix_index first_row, matrix_index column, bool is_inside) {
  std::uint32_t pairs[4][4], halves[2][8];
  for (int i = 0; i < 4; ++i) {
    std::uint32_t const words[4]{rows[i].x, rows[i].y, rows[i].z, rows[i].w};
    for (int j = 0; j < 4; ++j) pairs[i][j] = halves[i / 2][i % 2 * 4 + j] = words[j];
  }
  std::uint32_t const bits =
      largest_of_tile(max(nibble::detail::float_bits(amax_of_pairs(halves[0])),
                          nibble::detail::float_bits(amax_of_pairs(halves[1]))));
  float const largest = nibble::detail::float_from_bits(bits);
  auto const chosen = encoder.choose(largest);
  bool const is_ordinary = is_plain(encoder, chosen.scale, chosen.encode, largest);
  if (__any_sync(0xFFFF'FFFFu, !is_ordinary)) return false;
  if (!is_inside) return true;
  thresholds const from = encoder.thresholds().of(chosen.scale.bits());
  for (int i = 0; i < 4; ++i) {
    std::uint32_t magnitudes[4];
    find_magnitudes(encoder, pairs[i], magnitudes);
    store_tile_part(out, first_row + 4 * i, column,
                    codes_of_pairs<pair_order::memory>(from, pairs[i], magnitudes), chosen.scale);
  }
  return true;
}

/// One warp, 16 rows of 64 columns, four 16x16 tiles: lane l reads 8 values at column 8 (l % 8) of
/// every fourth row from l / 8 on, so that 128 bytes of a row are read and 32 written together.
template <class T, class Out, class Quantizer>
__global__ void __launch_bounds__(threads_per_block)
    quantize_tiles(T const* in, matrix_index pitch, Out out, Quantizer q) {
  using Block = typename Out::block_type;
  constexpr int part = 8, parts = 4, vectors = part * static_cast<int>(sizeof(T)) / 16;
  constexpr bool has_pairs = [] {
    if constexpr (std::is_same_v<T, bf16> && takes_pairs<Quantizer>)
      return by_thresholds<sixteen_encoder<Quantizer, true>>();
    return false;
  }();
  alignas(16) __shared__ float table[has_pairs ? sixteen_encoder<Quantizer, true>::table_size : 1];
  float const amax = out.amax(0, 0);
  if constexpr (has_pairs) {
    fill_tables(sixteen_encoder<Quantizer, true>(q, amax, table));
    __syncthreads();
  }
  int const lane = static_cast<int>(threadIdx.x) % 32;
  matrix_index const strip =
      static_cast<matrix_index>(blockIdx.x) * (threads_per_block / 32) + threadIdx.x / 32;
  matrix_index const column = strip * 64 + lane % 8 * part;
  bool const is_inside = column < out.columns();
  auto const factors = Quantizer::prepare({amax});
  for (matrix_index tile = blockIdx.y; tile < out.rows() / 16; tile += gridDim.y) {
    matrix_index const first_row = tile * 16 + lane / 8;
    uint4 stored[std::size_t{parts}][std::size_t{vectors}] = {};
    for (int i = 0; i < parts && is_inside; ++i) {
      for (int v = 0; v < vectors; ++v) {
        stored[i][v] = reinterpret_cast<uint4 const*>(in + (first_row + 4 * i) * pitch + column)[v];
      }
    }
    if constexpr (has_pairs) {
      uint4 const rows[4]{stored[0][0], stored[1][0], stored[2][0], stored[3][0]};
      if (encode_tiles_of_pairs(rows, sixteen_encoder<Quantizer, true>(q, amax, table), out,
                                first_row, column, is_inside)) {
        continue;
      }
    }
    float values[std::size_t{parts}][std::size_t{part}];
    std::uint32_t largest = 0;
    for (int i = 0; i < parts; ++i) {
      for (int v = 0; v < vectors; ++v) {
        widen<T>(stored[i][v], values[i] + v * 16 / static_cast<int>(sizeof(T)));
      }
      largest = max(largest, scaling::row_amax_bits(values[i]));
    }
    largest = largest_of_tile(largest);
    if (!is_inside) continue;
    auto const chosen = Quantizer::scaling_type::template choose_for<Block>(
        nibble::detail::float_from_bits(largest), factors);
    for (int i = 0; i < parts; ++i) {
      matrix_index const row = first_row + 4 * i;
      float scaled[std::size_t{part}];
      for (int c = 0; c < part; ++c) scaled[c] = arch::multiply(values[i][c], chosen.encode);
      auto const codes = q.rounding.template encode<typename Block::element_type>(
          scaled, static_cast<std::uint64_t>(row * out.columns() + column));
      std::uint32_t word = 0;
      for (int b = 0; b < 4; ++b) {
        word |= static_cast<std::uint32_t>(codes.bytes()[b]) << (8 * b);
      }
      store_tile_part(out, row, column, word, chosen.scale);
    }
  }
}

}  // namespace nibble::device::detail
