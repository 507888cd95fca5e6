// SPDX-License-Identifier: Apache-2.0
// Rows of a matrix by group, for warps: which group a row belongs to is read from offsets in device
// memory.
#pragma once

#include "nibble/device/tile.cuh"
#include "nibble/grouped_view.hpp"

namespace nibble::device {

/// The rows of one group.
struct row_range {
  matrix_index group, first, last;
};

/// The group whose storage holds row `row`, if each is padded to a multiple of rows; group `groups`
/// where none does. All 32 lanes of a warp must call it, with equal arguments: they look at 32
/// groups at a time.
template <class Offset>
[[nodiscard]] __device__ row_range group_at(Offset const* offsets, matrix_index groups,
                                            matrix_index row, matrix_index multiple) {
  matrix_index const lane = threadIdx.x % 32;
  matrix_index group = 0;
  for (matrix_index first = 0; first < groups; first += 32) {
    matrix_index const next = first + lane + 1;
    bool const is_before = next <= groups && padded_start(static_cast<matrix_index>(offsets[next]),
                                                          next, multiple) <= row;
    unsigned const found = __ballot_sync(0xFFFF'FFFFu, is_before);
    group += __popc(found);
    if (found != 0xFFFF'FFFFu) break;
  }
  if (group >= groups) return {groups, 0, 0};
  return {group, static_cast<matrix_index>(offsets[group]),
          static_cast<matrix_index>(offsets[group + 1])};
}

/// What a warp knows of a group's amax so far: the state, the body and the end of a loop over groups.
struct group_amax {
  matrix_index group;
  std::uint32_t largest = 0;  ///< The bits of the amax of what this lane took.

  /// A lane's values, counted in.
  template <class Values>
  __device__ __forceinline__ void take(Values const& values) {
    std::uint32_t const found = nibble::detail::float_bits(scaling::tile_amax(values));
    largest = found > largest ? found : largest;
  }
  /// All 32 lanes call it.
  __device__ __forceinline__ void raise(::cuda::std::span<float> amaxes) const {
    std::uint32_t const of_warp = __reduce_max_sync(0xFFFF'FFFFu, largest);
    if (threadIdx.x % 32 == 0) {
      raise_amax(amaxes[static_cast<std::size_t>(group)], of_warp);
    }
  }
};

/// Calls body(state, row, column, values) for every Quantizer::group of values of every group of
/// rows, transformed. A warp takes a strip of Quantizer::group.rows rows, so that it looks for its
/// group once: state is what begin(rows) returned for it, and end(state) comes after it, to all lanes.
///
/// shape   in: any strides; Vector: rows of whole 16-byte vectors, aligned. columns: of the matrix as
///         quantized. All threads of the grid must call it.
template <bool Vector, class In, class Offset, class Quantizer, class Begin, class Body, class End>
__device__ void for_each_grouped(In const& in, Offset const* offsets, matrix_index groups,
                                 matrix_index columns, Quantizer const& q, Begin const& begin,
                                 Body const& body, End const& end) {
  constexpr matrix_index tall = Quantizer::group.rows, wide = Quantizer::group.columns;
  matrix_index const lane = threadIdx.x % 32;
  matrix_index const warps = static_cast<matrix_index>(gridDim.x) * (blockDim.x / 32);
  matrix_index const strips = padded_start(in.extent(0), groups, tall) / tall;
  for (matrix_index strip =
           static_cast<matrix_index>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32;
       strip < strips; strip += warps) {
    row_range rows = group_at(offsets, groups, strip * tall, tall);
    if (rows.group == groups) break;
    matrix_index const row = rows.first + strip * tall - padded_start(rows.first, rows.group, tall);
    rows.last = rows.last < in.extent(0) ? rows.last : in.extent(0);
    if (row < rows.first || row >= rows.last) continue;  // padding, or rows before the first group
    auto state = begin(static_cast<row_range const&>(rows));
    for (matrix_index column = lane * wide; column < columns; column += 32 * wide) {
      float values[std::size_t{tall}][std::size_t{wide}];
      if constexpr (Vector) {
        load_vectors(&in(row, column), values[0]);
      } else {
        for (matrix_index r = 0; r < tall; ++r) {
          for (matrix_index c = 0; c < wide; ++c) {
            bool const is_inside = row + r < rows.last && column + c < in.extent(1);
            values[r][c] = is_inside ? static_cast<float>(in(row + r, column + c)) : 0.0f;
          }
        }
      }
      for (auto& one : values) q.transform_row(one);
      body(state, row, column, values);
    }
    end(state);
  }
}

}  // namespace nibble::device
