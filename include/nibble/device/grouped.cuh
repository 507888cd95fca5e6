// SPDX-License-Identifier: Apache-2.0
// Many matrices to blocks in one launch, parted by offsets that are read on the device: the experts
// of a mixture, whose sizes the host need not know.
#pragma once

#include <cuda/stream_ref>

#include "nibble/device/clear.cuh"
#include "nibble/device/grouped_rows.cuh"
#include "nibble/device/output.cuh"
#include "nibble/device/tile.cuh"

namespace nibble::device {

namespace detail {

template <bool Vector, class In, class Offset, class Out, class Quantizer>
__global__ void __launch_bounds__(threads_per_block)
    amax_grouped(In in, Offset const* offsets, Out out, Quantizer q) {
  for_each_grouped<Vector>(
      in, offsets, out.groups(), out.columns(), q,
      [](row_range const& rows) { return group_amax{rows.group}; },
      [](group_amax& so_far, matrix_index, matrix_index, auto const& values) {
        so_far.take(values);
      },
      [&](group_amax const& so_far) { so_far.raise(out.amaxes); });
}

template <bool Vector, class In, class Offset, class Out, class Quantizer>
__global__ void __launch_bounds__(threads_per_block)
    encode_grouped(In in, Offset const* offsets, Out out, Quantizer q) {
  using block_type = typename Out::block_type;
  struct group_state {
    typename Quantizer::factors factors;
    matrix_index last, to_scale_row;
  };
  for_each_grouped<Vector>(
      in, offsets, out.groups(), out.columns(), q,
      [&](row_range const& rows) {
        constexpr matrix_index multiple = scale_row_multiple<typename Out::scale_layout>();
        return group_state{Quantizer::prepare({out.amaxes[static_cast<std::size_t>(rows.group)]}),
                           rows.last, padded_start(rows.first, rows.group, multiple) - rows.first};
      },
      [&](group_state const& state, matrix_index row, matrix_index column, auto const& values) {
        position const where{static_cast<std::uint64_t>(row * out.columns() + column),
                             static_cast<std::uint64_t>(out.columns())};
        auto const result = q.encode(values, state.factors, where);
        for (int r = 0; r < Quantizer::group.rows && row + r < state.last; ++r) {
          for (int b = 0; b < Quantizer::blocks_per_row; ++b) {
            matrix_index const block = column / block_type::size + b;
            if (block >= out.scales.extent(1)) break;
            block_type const& made = Quantizer::block_of(result, r, b);
            store_codes<Vector>(made.codes, code_address(out, row + r, block));
            out.scales(state.to_scale_row + row + r, block) = made.scale;
          }
        }
      },
      [](group_state const&) {});
}

/// Zeros in the scales that belong to no block of any group: a CTA a strip of whole tiles, which is
/// one piece of the storage and belongs to one group or to none.
template <class Offset, class Out>
__global__ void __launch_bounds__(threads_per_block)
    clear_grouped_padding(Offset const* offsets, Out out) {
  using layout_type = typename Out::scale_layout;
  using scale_type = typename Out::block_type::scale_type;
  constexpr matrix_index tall = layout_type::tile_rows;
  matrix_index const columns = out.scales.extent(1);
  matrix_index const wide =
      nibble::detail::ceil_div<matrix_index>(columns, layout_type::tile_columns) *
      layout_type::tile_columns;
  auto const& mapping = out.scales.mapping();
  scale_type* const scales = out.scales.data_handle();
  for (matrix_index row = blockIdx.x * tall; row < out.scales.extent(0); row += gridDim.x * tall) {
    row_range const rows = group_at(offsets, out.groups(), row, tall);
    matrix_index const skipped =
        row - (rows.group < out.groups() ? padded_start(rows.first, rows.group, tall) : row);
    matrix_index const left = rows.last - rows.first - skipped;
    matrix_index const used = skipped < 0 || left < 0 ? 0 : left < tall ? left : tall;
    auto* const words = reinterpret_cast<std::uint32_t*>(scales + mapping(row, 0));
    matrix_index const bytes = tall * wide * static_cast<matrix_index>(sizeof(scale_type));
    if (used == 0 && reinterpret_cast<std::uintptr_t>(words) % 4 == 0 && bytes % 4 == 0) {
      for (matrix_index i = threadIdx.x; i < bytes / 4; i += blockDim.x) words[i] = 0;
      continue;
    }
    // A warp a row: without the division that one index for both would take.
    for (matrix_index r = threadIdx.x / 32; r < tall; r += blockDim.x / 32) {
      for (matrix_index c = (r < used ? columns : 0) + threadIdx.x % 32; c < wide; c += 32) {
        scales[mapping(row + r, c)] = scale_type{};
      }
    }
  }
}

/// Does out fit rows x columns in so many groups?
template <class Quantizer, class In, class Offset, class Block, class ScaleLayout>
[[nodiscard]] status check_grouped(In const& in, ::cuda::std::span<Offset const> offsets,
                                   grouped_view<Block, ScaleLayout> const& out) {
  static_assert(std::is_same_v<typename Quantizer::block_type, Block>,
                "got a view of other blocks than the quantizer makes");
  static_assert(Quantizer::has_one_amax,
                "got amaxes of rows, which need no groups; quantize the rows as one matrix");
  auto const need =
      grouped_shape(shape_for<Quantizer, ScaleLayout>(in.extent(0), in.extent(1)), out.groups());
  if (out.rows() != need.rows || out.columns() != need.columns ||
      out.scales.extent(0) != need.scale_rows || out.scales.extent(1) != need.blocks_per_row() ||
      offsets.size() != out.amaxes.size() + 1) {
    return status::shape_mismatch;
  }
  return check_codes(out, need.pitch());
}

/// Can rows be loaded 16 bytes wide and codes be stored 8 bytes wide?
template <class Quantizer, class In, class Out>
[[nodiscard]] bool is_vectorizable(In const& in, Out const& out) noexcept {
  return Quantizer::group.rows == 1 && in.extent(1) % Quantizer::group.columns == 0 &&
         has_wide_rows(in) && has_wide_codes(out);
}

/// A warp for each strip of rows.
template <class Quantizer, class In, class Out>
[[nodiscard]] unsigned grouped_grid(In const& in, Out const& out) noexcept {
  return grid_for(32 * padded_start(in.extent(0), out.groups(), Quantizer::group.rows) /
                  Quantizer::group.rows);
}

}  // namespace detail

/// Finds the amax of every group of rows, of the values as they will be scaled.
///
/// shape   in: rows x columns, any strides. offsets: groups + 1 row numbers of a signed or unsigned
///         integer type, in device memory, none smaller than the one before, none above rows. out:
///         of grouped_shape(shape_for<Quantizer>(rows, columns), groups); writes out.amaxes only.
/// errors  shape_mismatch, launch_failed. Allocates nothing, can be captured in a graph; offsets may
///         change between replays. Offsets that fall, or that lie outside, are undefined.
/// bits    those of nibble::find_amax of each group alone; 0 for an empty one.
template <class In, class Offset, class Block, class ScaleLayout, class Quantizer>
status find_amax_grouped(::cuda::stream_ref stream, In const& in,
                         ::cuda::std::span<Offset const> offsets,
                         grouped_view<Block, ScaleLayout> const& out, Quantizer const& q) {
  using view = grouped_view<Block, ScaleLayout>;
  status const fits = detail::check_grouped<Quantizer>(in, offsets, out);
  if (fits != status::success || out.groups() == 0) return fits;
  auto* const any = detail::amax_grouped<false, In, Offset, view, Quantizer>;
  status const cleared = detail::clear(stream.get(), any, out.amaxes);
  if (cleared != status::success || in.extent(0) == 0 || in.extent(1) == 0) return cleared;
  unsigned const grid = detail::grouped_grid<Quantizer>(in, out);
  bool done = false;
  if constexpr (Quantizer::group.rows == 1) {
    if (detail::is_vectorizable<Quantizer>(in, out)) {
      detail::amax_grouped<true, In, Offset, view, Quantizer>
          <<<grid, detail::threads_per_block, 0, stream.get()>>>(in, offsets.data(), out, q);
      done = true;
    }
  }
  if (!done) {
    any<<<grid, detail::threads_per_block, 0, stream.get()>>>(in, offsets.data(), out, q);
  }
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

/// Quantizes every group of rows under its amax in out.amaxes, in one launch.
///
/// shape   as find_amax_grouped. Square tiles start anew with every group. Rows of no group (before
///         the first offset, after the last) are left alone.
/// errors  a status, as find_amax_grouped; nothing is written unless it is success.
/// bits    those of nibble::quantize_with_amax of each group alone, scales padded with zeros.
///         Elements draw random numbers by their place in the matrix of all groups, so that no two
///         groups draw the same: on the host, pass shard{offsets[g], 0, out.columns()}.
template <class In, class Offset, class Block, class ScaleLayout, class Quantizer>
status quantize_grouped_with_amax(::cuda::stream_ref stream, In const& in,
                                  ::cuda::std::span<Offset const> offsets,
                                  grouped_view<Block, ScaleLayout> const& out, Quantizer const& q) {
  using view = grouped_view<Block, ScaleLayout>;
  status const fits = detail::check_grouped<Quantizer>(in, offsets, out);
  if (fits != status::success || out.groups() == 0 || in.extent(0) == 0 || in.extent(1) == 0) {
    return fits;
  }
  unsigned const grid = detail::grouped_grid<Quantizer>(in, out);
  bool done = false;
  if constexpr (Quantizer::group.rows == 1) {
    if (detail::is_vectorizable<Quantizer>(in, out)) {
      detail::encode_grouped<true, In, Offset, view, Quantizer>
          <<<grid, detail::threads_per_block, 0, stream.get()>>>(in, offsets.data(), out, q);
      done = true;
    }
  }
  if (!done) {
    detail::encode_grouped<false, In, Offset, view, Quantizer>
        <<<grid, detail::threads_per_block, 0, stream.get()>>>(in, offsets.data(), out, q);
  }
  if (cudaPeekAtLastError() != cudaSuccess) return status::launch_failed;
  if constexpr (requires { ScaleLayout::tile_rows; }) {
    detail::clear_grouped_padding<Offset, view>
        <<<detail::grid_for(out.scales.extent(0) / ScaleLayout::tile_rows *
                            detail::threads_per_block),
           detail::threads_per_block, 0, stream.get()>>>(offsets.data(), out);
  }
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

/// Quantizes every group of rows: find_amax_grouped, then quantize_grouped_with_amax.
///
/// errors  as both.
/// bits    those of nibble::quantize of each group alone.
template <class In, class Offset, class Block, class ScaleLayout, class Quantizer>
status quantize_grouped(::cuda::stream_ref stream, In const& in,
                        ::cuda::std::span<Offset const> offsets,
                        grouped_view<Block, ScaleLayout> const& out, Quantizer const& q) {
  status const found = find_amax_grouped(stream, in, offsets, out, q);
  return found == status::success ? quantize_grouped_with_amax(stream, in, offsets, out, q) : found;
}

}  // namespace nibble::device
