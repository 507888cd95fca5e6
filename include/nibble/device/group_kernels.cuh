// SPDX-License-Identifier: Apache-2.0
// The kernel that goes over a matrix group by group, whatever the quantizer.
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

}  // namespace nibble::device::detail
