// SPDX-License-Identifier: Apache-2.0
// The kernels that go over a matrix group by group: one for everything, one for square tiles.
#pragma once

#include "nibble/device/group.cuh"

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
        if (Vector || reinterpret_cast<std::uintptr_t>(to) % 8 == 0) {
          store_codes<true>(made.codes, to);
        } else {
          store_codes<false>(made.codes, to);
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

/// One warp, 16 rows of 64 columns, four 16x16 tiles: lane l reads 8 values at column 8 (l % 8) of
/// every fourth row from l / 8 on, so that 128 bytes of a row are read and 32 written together.
template <class T, class Out, class Quantizer>
__global__ void __launch_bounds__(threads_per_block)
    quantize_tiles(T const* in, matrix_index pitch, Out out, Quantizer q) {
  using Block = typename Out::block_type;
  constexpr int size = 16, part = 8, parts = 4;
  int const lane = static_cast<int>(threadIdx.x) % 32;
  matrix_index const strip =
      static_cast<matrix_index>(blockIdx.x) * (threads_per_block / 32) + threadIdx.x / 32;
  matrix_index const column = strip * 64 + lane % 8 * part;
  bool const is_inside = column < out.columns();
  auto const factors = Quantizer::prepare({out.amax(0, 0)});
  for (matrix_index tile = blockIdx.y; tile < out.rows() / size; tile += gridDim.y) {
    matrix_index const first_row = tile * size + lane / 8;
    float values[parts][part] = {};
    std::uint32_t largest = 0;
    for (int i = 0; i < parts && is_inside; ++i) {
      load_vectors(in + (first_row + 4 * i) * pitch + column, values[i]);
    }
    for (auto const& row : values) {
      std::uint32_t const found = scaling::row_amax_bits(row);
      largest = found > largest ? found : largest;
    }
    for (int const other : {1, 8, 16}) {  // the lanes that share the tile
      std::uint32_t const found = __shfl_xor_sync(0xFFFF'FFFFu, largest, other);
      largest = found > largest ? found : largest;
    }
    if (!is_inside) continue;
    auto const chosen = Quantizer::scaling_type::template choose_for<Block>(
        nibble::detail::float_from_bits(largest), factors);
    for (int i = 0; i < parts; ++i) {
      matrix_index const row = first_row + 4 * i;
      float scaled[part];
      for (int c = 0; c < part; ++c) scaled[c] = arch::multiply(values[i][c], chosen.encode);
      auto const codes = q.rounding.template encode<typename Block::element_type>(
          scaled, static_cast<std::uint64_t>(row * out.columns() + column));
      std::uint32_t word = 0;
      for (int b = 0; b < 4; ++b) {
        word |= static_cast<std::uint32_t>(codes.bytes()[b]) << (8 * b);
      }
      *reinterpret_cast<std::uint32_t*>(code_address(out, row, column / size) + column % size / 2) =
          word;
      bool const is_replicated = out.rows_per_scale() == 1;
      if (lane % 2 == 0 && (is_replicated || (i == 0 && lane < 8))) {
        out.scales(is_replicated ? row : tile, column / size) = chosen.scale;
      }
    }
  }
}

}  // namespace nibble::device::detail
