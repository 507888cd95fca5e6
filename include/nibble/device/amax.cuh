// SPDX-License-Identifier: Apache-2.0
// The amaxes of a matrix on the device, where the quantize kernels read them.
#pragma once

#include <cuda/stream_ref>

#include "nibble/device/clear.cuh"
#include "nibble/device/group.cuh"
#include "nibble/device/status.cuh"

namespace nibble::device {

namespace detail {

/// The largest of a value over a block's threads, added to `cell` by one of them. All threads must
/// call it.
__device__ __forceinline__ void merge_amax(std::uint32_t largest, float* cell) {
  largest = __reduce_max_sync(0xFFFF'FFFFu, largest);
  // Bits of magnitudes order like integers, so the integer maximum is the float one, NaN left out
  // before.
  if (threadIdx.x % 32 == 0 && largest != 0) {
    atomicMax(reinterpret_cast<unsigned int*>(cell), largest);
  }
}

/// The largest magnitude of contiguous values: 32 at a time, so that loads overlap.
template <class T>
__global__ void __launch_bounds__(threads_per_block)
    amax_flat(T const* in, matrix_index chunks, float* amax) {
  constexpr std::size_t chunk = 32;
  std::uint32_t largest = 0;
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  for (matrix_index i = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
       i < chunks; i += step) {
    float values[chunk];
    load_vectors(in + i * matrix_index{chunk}, values);
    std::uint32_t const found = scaling::row_amax_bits(values);
    largest = found > largest ? found : largest;
  }
  merge_amax(largest, amax);
}

/// The amaxes of transformed groups of any shape, any strides, for every granularity.
template <class In, class Out, class Quantizer>
__global__ void __launch_bounds__(threads_per_block) amax_groups(In in, Out out, Quantizer q) {
  using tensor_scale::granularity;
  constexpr auto rows = static_cast<std::size_t>(Quantizer::group.rows);
  constexpr auto columns = static_cast<std::size_t>(Quantizer::group.columns);
  constexpr granularity shares = Quantizer::outer::shares;
  matrix_index const across = nibble::detail::ceil_div<matrix_index>(out.columns(), columns);
  matrix_index const down = nibble::detail::ceil_div<matrix_index>(out.rows(), rows);
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  std::uint32_t largest = 0;
  for (matrix_index g = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
       g < across * down; g += step) {
    auto const [group_row, group_column] = group_place(in, g, across, down);
    matrix_index const row = group_row * matrix_index{rows},
                       column = group_column * matrix_index{columns};
    float values[rows][columns];
    load_checked(in, row, column, values);
    for (auto& one : values) q.transform_row(one);
    std::uint32_t const found = nibble::detail::float_bits(scaling::tile_amax(values));
    if constexpr (!Quantizer::has_one_amax) {
      float& cell = out.amax(row, shares == granularity::row ? 0 : column / 128);
      atomicMax(reinterpret_cast<unsigned int*>(&cell), found);
    } else {
      largest = found > largest ? found : largest;
    }
  }
  if constexpr (Quantizer::has_one_amax) merge_amax(largest, out.amax.data_handle());
}

/// Has the amax of `out` the shape that Quantizer makes of rows x columns, contiguous?
template <class Quantizer, class Block, class ScaleLayout>
status check_amax(matrix_index rows, matrix_index columns,
                  quantized_view<Block, ScaleLayout> const& out) {
  auto const need = shape_for<Quantizer, ScaleLayout>(rows, columns);
  bool const fits = out.rows() == need.rows && out.columns() == need.columns &&
                    out.amax.extent(0) == need.amax_rows &&
                    out.amax.extent(1) == need.amax_columns && out.amax.stride(1) == 1 &&
                    out.amax.stride(0) == (need.amax_columns > 0 ? need.amax_columns : 1);
  return fits ? status::success : status::shape_mismatch;
}

}  // namespace detail

/// Finds the amaxes that Quantizer derives outer scales from, as nibble::find_amax.
///
/// errors  shape_mismatch: out.amax has another shape than shape_for<Quantizer>; launch_failed.
///         Allocates nothing, can be captured in a graph.
/// bits    those of nibble::find_amax, for any launch shape: a maximum has no order.
template <class In, class Block, class ScaleLayout, class Quantizer>
status find_amax(::cuda::stream_ref stream, In const& in,
                 quantized_view<Block, ScaleLayout> const& out, Quantizer const& q) {
  using value_type = std::remove_cv_t<typename In::value_type>;
  auto const need = shape_for<Quantizer, ScaleLayout>(in.extent(0), in.extent(1));
  status const checked = detail::check_amax<Quantizer>(in.extent(0), in.extent(1), out);
  if (checked != status::success) return checked;
  ::cuda::std::span<float> const amaxes(out.amax.data_handle(),
                                        static_cast<std::size_t>(need.amax_count()));
  auto* const any = detail::amax_groups<In, quantized_view<Block, ScaleLayout>, Quantizer>;
  status const cleared = detail::clear(stream.get(), any, amaxes);
  matrix_index const size = in.extent(0) * in.extent(1);
  if (cleared != status::success || size == 0 || amaxes.empty()) return cleared;
  bool const has_no_gaps = (in.stride(1) == 1 && in.stride(0) == in.extent(1)) ||
                           (in.stride(0) == 1 && in.stride(1) == in.extent(0));
  bool const is_flat = Quantizer::has_one_amax && Quantizer::transform_type::size == 1 &&
                       size % 32 == 0 && has_no_gaps && is_aligned(in.data_handle(), 16);
  if (is_flat) {
    // One wave: each block ends in an atomic.
    detail::amax_flat<value_type>
        <<<detail::grid_for(size / 32, 1), detail::threads_per_block, 0, stream.get()>>>(
            in.data_handle(), size / 32, out.amax.data_handle());
  } else {
    matrix_index const groups =
        nibble::detail::ceil_div<matrix_index>(out.rows(), Quantizer::group.rows) *
        nibble::detail::ceil_div<matrix_index>(out.columns(), Quantizer::group.columns);
    any<<<detail::grid_for(groups), detail::threads_per_block, 0, stream.get()>>>(in, out, q);
  }
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace nibble::device
