// SPDX-License-Identifier: Apache-2.0
// Quantized matrices under another quantizer on the device: the floats between live in shared memory.
#pragma once

#include <cuda/stream_ref>

#include "nibble/device/amax.cuh"
#include "nibble/device/clear.cuh"
#include "nibble/device/output.cuh"
#include "nibble/device/tile.cuh"
#include "nibble/requantize.hpp"

namespace nibble::device {

namespace detail {

[[nodiscard]] constexpr int largest_of(int a, int b, int c) noexcept {
  int const ab = a > b ? a : b;
  return ab > c ? ab : c;
}

/// The tile that holds whole groups of both quantizers: all extents are powers of two.
template <bool Turned, class From, class To>
using requantize_tile =
    shared_tile<largest_of(64, Turned ? To::group.columns : To::group.rows, 1),
                largest_of(64, From::group.columns, Turned ? To::group.rows : To::group.columns)>;

/// One CTA, one tile at a time: decoded, then taken into the amaxes, or encoded under them.
template <bool Turned, bool AmaxOnly, class In, class From, class Out, class To>
__global__ void __launch_bounds__(threads_per_block)
    requantize_tiles(In in, From q_in, Out out, To q_out) {
  using tile_type = requantize_tile<Turned, From, To>;
  extern __shared__ float nibble_shared_floats[];
  auto& tile = *reinterpret_cast<tile_type*>(nibble_shared_floats);
  auto const factors = To::prepare({!AmaxOnly && To::has_one_amax ? out.amax(0, 0) : 0.0f});
  matrix_index const across =
      nibble::detail::ceil_div<matrix_index>(in.columns(), tile_type::columns);
  matrix_index const count =
      across * nibble::detail::ceil_div<matrix_index>(in.rows(), tile_type::rows);
  for (matrix_index t = blockIdx.x; t < count; t += gridDim.x) {
    auto const [down, right] = split(t, across);
    matrix_index const row = down * tile_type::rows, column = right * tile_type::columns;
    decode_tile(in, q_in, row, column, tile);
    __syncthreads();
    matrix_index const out_row = Turned ? column : row, out_column = Turned ? row : column;
    if constexpr (AmaxOnly) {
      raise_tile_amax<Turned>(tile, out, q_out, out_row, out_column);
    } else {
      encode_tile<Turned>(tile, out, q_out, factors, out_row, out_column);
    }
    __syncthreads();
  }
}

template <bool Turned, bool AmaxOnly, class In, class From, class Out, class To>
status launch_requantize(::cuda::stream_ref stream, In const& in, From const& q_in, Out const& out,
                         To const& q_out) {
  using tile_type = requantize_tile<Turned, From, To>;
  auto* const kernel = requantize_tiles<Turned, AmaxOnly, In, From, Out, To>;
  if constexpr (AmaxOnly) {
    auto const amaxes = static_cast<std::size_t>(out.amax.extent(0) * out.amax.extent(1));
    status const cleared =
        clear(stream.get(), kernel, ::cuda::std::span<float>(out.amax.data_handle(), amaxes));
    if (cleared != status::success) return cleared;
  }
  if (in.rows() == 0 || in.columns() == 0) return status::success;
  if (sizeof(tile_type) > 48 * 1024 &&
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           static_cast<int>(sizeof(tile_type))) != cudaSuccess) {
    return status::launch_failed;
  }
  matrix_index const tiles =
      nibble::detail::ceil_div<matrix_index>(in.rows(), tile_type::rows) *
      nibble::detail::ceil_div<matrix_index>(in.columns(), tile_type::columns);
  kernel<<<grid_for(tiles * threads_per_block), threads_per_block, sizeof(tile_type),
           stream.get()>>>(in, q_in, out, q_out);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

/// Does out fit what requantizing makes of in, and can the transform of in be undone?
template <class From, class To, class In, class Block, class ScaleLayout>
[[nodiscard]] status check_requantize(In const& in, quantized_view<Block, ScaleLayout> const& out,
                                      orientation lies) {
  if (!nibble::detail::has_whole_transforms<From>(in)) return status::shape_mismatch;
  bool const is_turned = lies == orientation::transposed;
  matrix_index const rows = is_turned ? in.columns() : in.rows();
  matrix_index const columns = is_turned ? in.rows() : in.columns();
  status const fits = check_amax<To>(rows, columns, out);
  return fits == status::success ? check_output<To>(rows, columns, out) : fits;
}

}  // namespace detail

/// Requantizes under the amaxes that out.amax holds; see requantize.
///
/// errors  as requantize.
/// bits    those of nibble::requantize_with_amax, for any launch shape.
template <class BlockIn, class LayoutIn, class From, class BlockOut, class LayoutOut, class To>
status requantize_with_amax(::cuda::stream_ref stream, quantized_view<BlockIn, LayoutIn> const& in,
                            From const& q_in, quantized_view<BlockOut, LayoutOut> const& out,
                            To const& q_out, orientation lies = orientation::straight) {
  status const fits = detail::check_requantize<From, To>(in, out, lies);
  if (fits != status::success) return fits;
  status const made = lies == orientation::transposed
                          ? detail::launch_requantize<true, false>(stream, in, q_in, out, q_out)
                          : detail::launch_requantize<false, false>(stream, in, q_in, out, q_out);
  if (made != status::success || out.rows() == 0 || out.columns() == 0) return made;
  detail::launch_clear_padding(stream.get(), out);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

/// Quantizes what a quantized matrix stands for, or its transpose, under another quantizer.
///
/// shape   as nibble::requantize; every pointer is one the device can read. 17 to 66 KB of shared
///         memory a CTA: 66 where blocks or transforms of 128 meet blocks or squares of 128.
/// errors  a status; nothing is written unless it is success. Allocates nothing, can be captured in
///         a graph. out must not share memory with in.
/// bits    those of nibble::requantize, for any launch shape.
template <class BlockIn, class LayoutIn, class From, class BlockOut, class LayoutOut, class To>
status requantize(::cuda::stream_ref stream, quantized_view<BlockIn, LayoutIn> const& in,
                  From const& q_in, quantized_view<BlockOut, LayoutOut> const& out, To const& q_out,
                  orientation lies = orientation::straight) {
  status const fits = detail::check_requantize<From, To>(in, out, lies);
  if (fits != status::success) return fits;
  status const found = lies == orientation::transposed
                           ? detail::launch_requantize<true, true>(stream, in, q_in, out, q_out)
                           : detail::launch_requantize<false, true>(stream, in, q_in, out, q_out);
  return found == status::success ? requantize_with_amax(stream, in, q_in, out, q_out, lies)
                                  : found;
}

}  // namespace nibble::device
