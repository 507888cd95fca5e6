// SPDX-License-Identifier: Apache-2.0
// Columns of a matrix to blocks in one launch, parted by offsets that are read on the device: the
// tokens of a mixture's experts, for sums over them.
#pragma once

#include <cuda/stream_ref>

#include "nibble/device/clear.cuh"
#include "nibble/device/grouped_rows.cuh"
#include "nibble/device/status.cuh"
#include "nibble/device/tile.cuh"
#include "nibble/grouped_columns_view.hpp"

namespace nibble::device {

/// The columns of group `group`: what offsets say, brought inside, none where they fall.
template <class Offset>
[[nodiscard]] __device__ __forceinline__ row_range columns_of(Offset const* offsets,
                                                              matrix_index group,
                                                              matrix_index columns) {
  auto const inside = [&](Offset offset) {
    auto const value = static_cast<matrix_index>(offset);
    return value < 0 ? 0 : value > columns ? columns : value;
  };
  matrix_index const first = inside(offsets[group]), last = inside(offsets[group + 1]);
  return {group, first, last < first ? first : last};
}

namespace detail {

/// Calls body(state, row, column, values) for every Quantizer::group of values of every group of
/// columns, transformed; column counts from the group's first. A warp takes a strip of
/// Quantizer::group.columns columns, neighbours neighbouring rows: state is what begin(columns)
/// returned for it, and end(state) comes after it, to all lanes.
///
/// shape   in: any strides. All threads of the grid must call it.
template <class In, class Offset, class Quantizer, class Begin, class Body, class End>
__device__ void for_each_in_columns(In const& in, Offset const* offsets, matrix_index groups,
                                    Quantizer const& q, Begin const& begin, Body const& body,
                                    End const& end) {
  constexpr matrix_index tall = Quantizer::group.rows, wide = Quantizer::group.columns;
  matrix_index const lane = threadIdx.x % 32;
  matrix_index const warps = static_cast<matrix_index>(gridDim.x) * (blockDim.x / 32);
  matrix_index const strips = padded_start(in.extent(1), groups, wide) / wide;
  for (matrix_index strip =
           static_cast<matrix_index>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32;
       strip < strips; strip += warps) {
    row_range const found = group_at(offsets, groups, strip * wide, wide);
    if (found.group == groups) break;
    row_range const columns = columns_of(offsets, found.group, in.extent(1));
    matrix_index const column = strip * wide - padded_start(found.first, found.group, wide);
    if (column < 0 || column >= columns.last - columns.first) continue;  // padding
    auto state = begin(columns);
    for (matrix_index row = (blockIdx.y * 32 + lane) * tall; row < in.extent(0);
         row += gridDim.y * 32 * tall) {
      float values[std::size_t{tall}][std::size_t{wide}];
      for (matrix_index r = 0; r < tall; ++r) {
        for (matrix_index c = 0; c < wide; ++c) {
          matrix_index const from = columns.first + column + c;
          bool const is_inside = row + r < in.extent(0) && from < columns.last;
          values[r][c] = is_inside ? static_cast<float>(in(row + r, from)) : 0.0f;
        }
      }
      for (auto& one : values) q.transform_row(one);
      body(state, row, column, values);
    }
    end(state);
  }
}

template <class In, class Offset, class Out, class Quantizer>
__global__ void __launch_bounds__(threads_per_block)
    amax_grouped_columns(In in, Offset const* offsets, Out out, Quantizer q) {
  for_each_in_columns(
      in, offsets, out.groups(), q,
      [](row_range const& columns) { return group_amax{columns.group}; },
      [](group_amax& so_far, matrix_index, matrix_index, auto const& values) {
        so_far.take(values);
      },
      [&](group_amax const& so_far) { so_far.raise(out.amaxes); });
}

template <class In, class Offset, class Out, class Quantizer>
__global__ void __launch_bounds__(threads_per_block)
    encode_grouped_columns(In in, Offset const* offsets, Out out, Quantizer q) {
  using block_type = typename Out::block_type;
  struct group_state {
    typename Quantizer::factors factors;
    typename Out::one matrix;
    matrix_index start;
  };
  matrix_index const all_columns = padded_start(out.columns(), out.groups(), Out::multiple);
  for_each_in_columns(
      in, offsets, out.groups(), q,
      [&](row_range const& columns) {
        return group_state{
            Quantizer::prepare({out.amaxes[static_cast<std::size_t>(columns.group)]}),
            out.group(columns.group, columns.first, columns.last, Quantizer::transform_type::size),
            padded_start(columns.first, columns.group, Out::multiple)};
      },
      [&](group_state const& state, matrix_index row, matrix_index column, auto const& values) {
        position const where{static_cast<std::uint64_t>(row * all_columns + state.start + column),
                             static_cast<std::uint64_t>(all_columns)};
        auto const result = q.encode(values, state.factors, where);
        for (int r = 0; r < Quantizer::group.rows && row + r < out.rows(); ++r) {
          for (int b = 0; b < Quantizer::blocks_per_row; ++b) {
            matrix_index const block = column / block_type::size + b;
            if (block >= state.matrix.scales.extent(1)) break;
            block_type const& made = Quantizer::block_of(result, r, b);
            store_codes(made.codes, code_address(state.matrix, row + r, block));
            state.matrix.scales(row + r, block) = made.scale;
          }
        }
      },
      [](group_state const&) {});
}

/// Does out fit a matrix of in's shape in so many groups?
template <class Quantizer, class In, class Offset, class Block, class ScaleLayout>
[[nodiscard]] status check_grouped_columns(In const& in, ::cuda::std::span<Offset const> offsets,
                                           grouped_columns_view<Block, ScaleLayout> const& out) {
  using view = grouped_columns_view<Block, ScaleLayout>;
  static_assert(std::is_same_v<typename Quantizer::block_type, Block>,
                "got a view of other blocks than the quantizer makes");
  static_assert(Quantizer::has_one_amax,
                "got amaxes of rows, which groups of columns do not have; use one amax a matrix");
  static_assert(view::multiple % Quantizer::group.columns == 0 &&
                    view::multiple % Quantizer::transform_type::size == 0,
                "got groups of values or a transform that do not divide 128 columns");
  bool const fits = out.rows() == in.extent(0) && out.columns() == in.extent(1) &&
                    offsets.size() == out.amaxes.size() + 1;
  return fits ? status::success : status::shape_mismatch;
}

/// A warp for each strip of columns and 512 rows.
template <class Quantizer, class In, class Out>
[[nodiscard]] dim3 grouped_columns_grid(In const& in, Out const& out) noexcept {
  constexpr matrix_index rows_at_once = 512, most = 65535;
  matrix_index const down = nibble::detail::ceil_div(in.extent(0), rows_at_once);
  return {grid_for(32 * padded_start(in.extent(1), out.groups(), Quantizer::group.columns) /
                   Quantizer::group.columns),
          static_cast<unsigned>(down < most ? down : most)};
}

}  // namespace detail

/// Finds the amax of every group of columns, of the values as they will be scaled.
///
/// shape   in: rows x columns, any strides; to sum over tokens, pass transposed(tokens x features).
///         offsets: groups + 1 column numbers of a signed or unsigned integer type, in device memory,
///         none smaller than the one before, none above columns. out: of
///         grouped_columns_shape{rows, columns, groups}; writes out.amaxes only.
/// errors  shape_mismatch, launch_failed. Allocates nothing, can be captured in a graph; offsets may
///         change between replays. Offsets outside count as the nearest inside, a group where they
///         fall is empty; others then may lie over each other in storage, but nothing outside it is
///         written.
/// bits    those of nibble::find_amax of each group alone; 0 for an empty one.
template <class In, class Offset, class Block, class ScaleLayout, class Quantizer>
status find_amax_grouped_columns(::cuda::stream_ref stream, In const& in,
                                 ::cuda::std::span<Offset const> offsets,
                                 grouped_columns_view<Block, ScaleLayout> const& out,
                                 Quantizer const& q) {
  using view = grouped_columns_view<Block, ScaleLayout>;
  status const fits = detail::check_grouped_columns<Quantizer>(in, offsets, out);
  if (fits != status::success || out.groups() == 0) return fits;
  auto* const kernel = detail::amax_grouped_columns<In, Offset, view, Quantizer>;
  status const cleared = detail::clear(stream.get(), kernel, out.amaxes);
  if (cleared != status::success || in.extent(0) == 0 || in.extent(1) == 0) return cleared;
  kernel<<<detail::grouped_columns_grid<Quantizer>(in, out), detail::threads_per_block, 0,
           stream.get()>>>(in, offsets.data(), out, q);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

/// Quantizes every group of columns under its amax in out.amaxes, in one launch.
///
/// shape   as find_amax_grouped_columns; scales in tiles are padded with zeros, also between groups.
///         Codes between groups are left alone.
/// errors  as find_amax_grouped_columns; nothing is written unless it is success.
/// bits    those of nibble::quantize_with_amax of each group alone. Elements draw random numbers by
///         their place in the padded matrix of all groups: on the host, pass
///         shard{0, padded_start(offsets[g], g, 128), padded_start(columns, groups, 128)}.
template <class In, class Offset, class Block, class ScaleLayout, class Quantizer>
status quantize_grouped_columns_with_amax(::cuda::stream_ref stream, In const& in,
                                          ::cuda::std::span<Offset const> offsets,
                                          grouped_columns_view<Block, ScaleLayout> const& out,
                                          Quantizer const& q) {
  using view = grouped_columns_view<Block, ScaleLayout>;
  status const fits = detail::check_grouped_columns<Quantizer>(in, offsets, out);
  if (fits != status::success || out.groups() == 0 || in.extent(0) == 0 || in.extent(1) == 0) {
    return fits;
  }
  auto* const kernel = detail::encode_grouped_columns<In, Offset, view, Quantizer>;
  if constexpr (requires { ScaleLayout::tile_rows; }) {
    grouped_columns_shape<Block, ScaleLayout> const shape{out.rows(), out.columns(), out.groups()};
    status const cleared =
        detail::clear(stream.get(), kernel,
                      ::cuda::std::span(out.scales, static_cast<std::size_t>(shape.scale_count())));
    if (cleared != status::success) return cleared;
  }
  kernel<<<detail::grouped_columns_grid<Quantizer>(in, out), detail::threads_per_block, 0,
           stream.get()>>>(in, offsets.data(), out, q);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

/// Quantizes every group of columns: find_amax_grouped_columns, then
/// quantize_grouped_columns_with_amax.
///
/// errors  as both.
/// bits    those of nibble::quantize of each group alone.
template <class In, class Offset, class Block, class ScaleLayout, class Quantizer>
status quantize_grouped_columns(::cuda::stream_ref stream, In const& in,
                                ::cuda::std::span<Offset const> offsets,
                                grouped_columns_view<Block, ScaleLayout> const& out,
                                Quantizer const& q) {
  status const found = find_amax_grouped_columns(stream, in, offsets, out, q);
  return found == status::success ? quantize_grouped_columns_with_amax(stream, in, offsets, out, q)
                                  : found;
}

}  // namespace nibble::device
