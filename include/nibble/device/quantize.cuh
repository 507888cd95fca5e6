// SPDX-License-Identifier: Apache-2.0
// Whole matrices to blocks on the device, asynchronous on a stream: the bytes of nibble::quantize.
#pragma once

#include <cuda/stream_ref>

#include <algorithm>

#include "nibble/device/amax.cuh"
#include "nibble/device/group_kernels.cuh"
#include "nibble/device/square_tiles.cuh"
#include "nibble/device/status.cuh"
#include "nibble/device/tile_kernel.cuh"

namespace nibble::device {

namespace detail {

/// One thread, one row block of a contiguous matrix without ragged edges, plain scales: no index
/// needs a division, loads are 16 bytes wide and a warp's stores are contiguous.
template <class T, class Block, class Quantizer>
__global__ void __launch_bounds__(threads_per_block)
    quantize_flat(T const* in, std::uint8_t* codes, typename Block::scale_type* scales,
                  float const* amax, matrix_index blocks, Quantizer q) {
  float const first_amax = amax != nullptr ? *amax : 0.0f;
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  matrix_index const first = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
  if constexpr (makes_sixteens<Quantizer>) {
    constexpr bool has_pairs = std::is_same_v<T, bf16> && takes_pairs<Quantizer>;
    alignas(16) __shared__ float table[sixteen_encoder<Quantizer>::table_size];
    sixteen_encoder<Quantizer> const encoder(q, first_amax, table);
    fill_tables(encoder);
    __syncthreads();
    for (matrix_index b = first; b < blocks; b += step) {
      std::uint64_t const position = static_cast<std::uint64_t>(b) * 16;
      std::uint64_t made;
      if constexpr (has_pairs) {
        uint4 const halves[2]{reinterpret_cast<uint4 const*>(in)[2 * b],
                              reinterpret_cast<uint4 const*>(in)[2 * b + 1]};
        std::uint32_t const pairs[8]{halves[0].x, halves[0].y, halves[0].z, halves[0].w,
                                     halves[1].x, halves[1].y, halves[1].z, halves[1].w};
        made = encode_row_of_pairs(encoder, pairs, position, scales[b]);
      } else {
        float values[16];
        load_vectors(in + b * 16, values);
        encoder.transform(values);
        made = encoder(values, position, scales[b]);
      }
      reinterpret_cast<std::uint64_t*>(codes)[b] = made;
    }
  } else {
    auto const factors = Quantizer::prepare({first_amax});
    for (matrix_index b = first; b < blocks; b += step) {
      float values[1][std::size_t{Block::size}];
      load_vectors(in + b * Block::size, values[0]);
      q.transform_row(values[0]);
      Block const made = q.encode(values, factors, static_cast<std::uint64_t>(b) * Block::size);
      store_codes<true>(made.codes,
                        codes + b * static_cast<matrix_index>(decltype(made.codes)::size_bytes));
      scales[b] = made.scale;
    }
  }
}

}  // namespace detail

/// Quantizes a matrix under the amaxes in out.amax, which are read on the device.
///
/// shape   as nibble::quantize_with_amax; every pointer is one the device can read. Any strides;
///         contiguous, 16-byte aligned matrices without ragged edges take the fast kernels.
/// errors  a status; nothing is written unless it is success. Allocates nothing, can be captured in
///         a graph.
/// bits    those of nibble::quantize_with_amax, for any launch shape.
template <class In, class Block, class ScaleLayout, class Quantizer>
status quantize_with_amax(::cuda::stream_ref stream, In const& in,
                          quantized_view<Block, ScaleLayout> const& out, Quantizer const& q) {
  using view = quantized_view<Block, ScaleLayout>;
  using value_type = std::remove_cv_t<typename In::value_type>;
  status const checked = detail::check_output<Quantizer>(in.extent(0), in.extent(1), out);
  if (checked != status::success) return checked;
  auto const need = shape_for<Quantizer, ScaleLayout>(in.extent(0), in.extent(1));
  if (need.rows == 0 || need.columns == 0) return status::success;

  bool const whole = in.extent(1) % Block::size == 0 && detail::has_wide_rows(in) &&
                     detail::has_wide_codes(out) && out.codes.stride(0) == need.pitch();
  constexpr int threads = detail::threads_per_block;
  bool done = false;
  if constexpr (makes_sixteens<Quantizer>) {
    // Rows that lie across: the columns of the matrix they lie in.
    auto const turned = transposed(in);
    if (in.stride(1) != 1 && detail::is_tileable(turned) && detail::has_wide_codes(out)) {
      if (detail::launch_tiles(stream.get(), turned, detail::no_side{}, detail::no_side{}, q,
                               out) != status::success) {
        return status::launch_failed;
      }
      done = true;
    }
  }
  if constexpr (makes_sixteens<Quantizer> &&
                std::is_same_v<ScaleLayout, layout::scale_tile_128x4>) {
    // The tile kernel writes these scales 16 bytes at a time.
    if (!done && detail::is_tileable(in) && detail::has_wide_codes(out)) {
      if (detail::launch_tiles(stream.get(), in, q, out, detail::no_side{}, detail::no_side{}) !=
          status::success) {
        return status::launch_failed;
      }
      done = true;
    }
  }
  if constexpr (Quantizer::is_one_block && Quantizer::has_one_amax &&
                std::is_same_v<ScaleLayout, ::cuda::std::layout_right>) {
    if (!done && whole && in.stride(0) == in.extent(1)) {
      matrix_index const blocks = out.rows() * need.blocks_per_row();
      detail::quantize_flat<value_type, Block>
          <<<detail::grid_for(blocks), threads, 0, stream.get()>>>(
              in.data_handle(), out.codes.data_handle().bytes, out.scales.data_handle(),
              out.amax.data_handle(), blocks, detail::prepared(q));
      done = true;
    }
  }
  if constexpr (makes_sixteens<Quantizer> && Quantizer::group.rows == 16) {
    if (!done && whole && in.extent(0) % 16 == 0) {
      matrix_index const across = out.columns() / 16, down = out.rows() / 16;
      // Eight tiles a thread or more: the tables then cost little, and every SM has work.
      auto const wide = nibble::detail::ceil_div<matrix_index>(across, threads / 8);
      matrix_index const tall = std::min(nibble::detail::ceil_div<matrix_index>(down, 8),
                                         matrix_index{132 * 16} / wide + 1);
      dim3 const grid(static_cast<unsigned>(wide), static_cast<unsigned>(tall));
      detail::quantize_tiles<value_type, view><<<grid, threads, 0, stream.get()>>>(
          in.data_handle(), static_cast<matrix_index>(in.stride(0)), out, q);
      done = true;
    }
  }
  if constexpr (detail::makes_wide_tiles<Quantizer>) {
    matrix_index const tiles = nibble::detail::ceil_div<matrix_index>(out.rows(), Block::size) *
                               nibble::detail::ceil_div<matrix_index>(out.columns(), Block::size);
    detail::quantize_wide_tiles<<<detail::grid_for(tiles * threads), threads, 0, stream.get()>>>(
        in, out, q);
  } else if (!done) {
    matrix_index const groups =
        nibble::detail::ceil_div<matrix_index>(out.rows(), Quantizer::group.rows) *
        nibble::detail::ceil_div<matrix_index>(out.columns(), Quantizer::group.columns);
    if constexpr (Quantizer::group.rows == 1) {
      if (whole && in.extent(1) % Quantizer::group.columns == 0) {
        detail::quantize_groups<true, In, view, Quantizer>
            <<<detail::grid_for(groups), threads, 0, stream.get()>>>(in, out, q);
        done = true;
      }
    }
    if (!done) {
      detail::quantize_groups<false, In, view, Quantizer>
          <<<detail::grid_for(groups), threads, 0, stream.get()>>>(in, out, q);
    }
  }
  detail::launch_clear_padding(stream.get(), out);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

/// Quantizes a matrix: find_amax, then quantize_with_amax, on one stream.
///
/// errors  as both.
/// bits    those of nibble::quantize.
template <class In, class Block, class ScaleLayout, class Quantizer>
status quantize(::cuda::stream_ref stream, In const& in,
                quantized_view<Block, ScaleLayout> const& out, Quantizer const& q) {
  status const found = find_amax(stream, in, out, q);
  return found == status::success ? quantize_with_amax(stream, in, out, q) : found;
}

}  // namespace nibble::device
