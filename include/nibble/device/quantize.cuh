// SPDX-License-Identifier: Apache-2.0
// Whole matrices to blocks on the device, asynchronous on a stream: the bytes of nibble::quantize.
#pragma once

#include <cuda/stream_ref>

#include <algorithm>

#include "nibble/device/amax.cuh"
#include "nibble/device/clear.cuh"
#include "nibble/device/group_kernels.cuh"
#include "nibble/device/square_strips.cuh"
#include "nibble/device/square_tiles.cuh"
#include "nibble/device/status.cuh"
#include "nibble/device/tile_kernel.cuh"

namespace nibble::device {

namespace detail {

/// How many CTAs of a row kernel a multiprocessor is to hold: as many as registers and it allow.
template <class Quantizer>
[[nodiscard]] constexpr int flat_blocks() {
  constexpr int most = NIBBLE_HAS_2048_THREADS ? 8 : 6;
  if constexpr (makes_sixteens<Quantizer>) return chooses_four_or_six<Quantizer> ? 5 : most;
  return 4;
}

/// CTAs for kernels of a thread a block of 16, given how many there would be if each thread took one:
/// four to a thread, so that tables cost little, but enough to fill a GPU once.
[[nodiscard]] inline matrix_index flat_grid(matrix_index needed) noexcept {
  constexpr matrix_index wave = matrix_index{132} * 8;
  return needed <= wave ? needed : std::clamp(needed / 4, wave, 16 * wave);
}

/// One block of 16 that lies side by side, 16-byte aligned, in memory.
template <class T, class Quantizer>
[[nodiscard]] __device__ __forceinline__ std::uint64_t encode_at(
    sixteen_encoder<Quantizer> const& encoder, T const* from, std::uint64_t position,
    typename Quantizer::scale_type& scale) {
  if constexpr (std::is_same_v<T, bf16> && takes_rows_of_pairs<Quantizer>) {
    std::uint32_t pairs[8];
    load_words(from, pairs);
    return encode_row_of_pairs(encoder, pairs, position, scale);
  } else {
    float values[16];
    load_vectors(from, values);
    encoder.transform(values);
    return encoder(values, position, scale);
  }
}

/// One thread, one row block of a contiguous matrix without ragged edges, plain scales: no index
/// needs a division, loads are 16 bytes wide or 32 and a warp's stores are contiguous.
template <class T, class Block, class Quantizer>
__global__ void __launch_bounds__(threads_per_block, flat_blocks<Quantizer>())
    quantize_flat(T const* in, std::uint8_t* codes, typename Block::scale_type* scales,
                  float const* amax, matrix_index blocks, Quantizer q) {
  float const first_amax = amax != nullptr ? *amax : 0.0f;
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  matrix_index const first = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
  if constexpr (makes_sixteens<Quantizer>) {
    alignas(16) __shared__ float table[sixteen_encoder<Quantizer>::table_size];
    sixteen_encoder<Quantizer> const encoder(q, first_amax, table);
    fill_tables(encoder);
    __syncthreads();
    for (matrix_index b = first; b < blocks; b += step) {
      reinterpret_cast<std::uint64_t*>(codes)[b] =
          encode_at(encoder, in + b * 16, static_cast<std::uint64_t>(b) * 16, scales[b]);
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

/// One thread, one row block of wide rows, scales in tiles of 128x4, `tile_pitch` from one tile to that
/// below. A warp takes four blocks of the eight rows whose scales are neighbours, so that 32 bytes of
/// them, a whole sector, are written together.
template <class T, class Scale, class Quantizer>
__global__ void __launch_bounds__(threads_per_block, flat_blocks<Quantizer>())
    quantize_rows(T const* in, matrix_index pitch, std::uint8_t* codes, matrix_index code_pitch,
                  Scale* scales, matrix_index tile_pitch, float const* amax, unsigned rows,
                  unsigned across, Quantizer q) {
  static_assert(threads_per_block / 32 * 4 == 32, "a CTA takes 32 blocks of a row");
  alignas(16) __shared__ float table[sixteen_encoder<Quantizer>::table_size];
  sixteen_encoder<Quantizer> const encoder(q, amax != nullptr ? *amax : 0.0f, table);
  fill_tables(encoder);
  __syncthreads();
  unsigned const eighth = threadIdx.x % 32 / 4, down = eighth / 4 + eighth % 4 * 32;
  unsigned const block = blockIdx.x * 32 + threadIdx.x / 32 * 4 + threadIdx.x % 4;
  if (block >= across) return;
  scales += matrix_index{block / 4} * 512 + block % 4;
  for (unsigned eight = blockIdx.y; eight < (rows + 127) / 128 * 16; eight += gridDim.y) {
    unsigned const tile = eight / 16, inside = eight % 16 * 2 + down, row = tile * 128 + inside;
    if (row >= rows) continue;
    auto const position = (std::uint64_t{row} * across + block) * 16;
    *reinterpret_cast<std::uint64_t*>(codes + row * code_pitch + matrix_index{block} * 8) =
        encode_at(encoder, in + row * pitch + matrix_index{block} * 16, position,
                  scales[tile * tile_pitch + inside % 32 * 16 + inside / 32 * 4]);
  }
}

/// Is quantize_rows for a matrix: its rows wide, and as long as what a CTA takes?
template <class In, class Out>
[[nodiscard]] bool has_long_rows(In const& in, Out const& out) {
  return has_wide_rows(in) && has_wide_codes(out) && out.scales.mapping().is_whole() &&
         in.extent(1) % 16 == 0 && in.extent(1) >= 32 * 16 &&
         in.extent(0) < (matrix_index{1} << 31);
}

/// Launches quantize_rows.
template <class In, class Out, class Quantizer>
void launch_rows(cudaStream_t stream, In const& in, Out const& out, Quantizer const& q) {
  matrix_index const wide = nibble::detail::ceil_div<matrix_index>(out.scales.extent(1), 32),
                     eights = nibble::detail::ceil_div<matrix_index>(out.rows(), 128) * 16;
  matrix_index const tall = std::clamp<matrix_index>(flat_grid(wide * eights) / wide, 1,
                                                     std::min<matrix_index>(eights, 65535));
  dim3 const grid(static_cast<unsigned>(wide), static_cast<unsigned>(tall));
  quantize_rows<<<grid, threads_per_block, 0, stream>>>(
      in.data_handle(), static_cast<matrix_index>(in.stride(0)), out.codes.data_handle().bytes,
      out.codes.stride(0) / 2, out.scales.data_handle(), out.scales.mapping()(128, 0),
      out.amax.data_handle(), static_cast<unsigned>(out.rows()),
      static_cast<unsigned>(out.scales.extent(1)), prepared(q));
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
  if constexpr (makes_sixteens<Quantizer> && Quantizer::group.rows == 16) {
    if (!done && detail::is_tileable(in) && detail::has_wide_codes(out)) {
      detail::launch_square_strips(stream.get(), in, out, detail::prepared(q));
      done = true;
    }
  }
  if constexpr (makes_sixteens<Quantizer> && Quantizer::group.rows == 1 &&
                std::is_same_v<ScaleLayout, layout::scale_tile_128x4>) {
    if (!done && detail::has_long_rows(in, out)) {
      detail::launch_rows(stream.get(), in, out, q);
      done = true;
    }
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
      auto const grid =
          makes_sixteens<Quantizer>  // which fill tables
              ? detail::flat_grid(nibble::detail::ceil_div<matrix_index>(blocks, threads))
              : matrix_index{detail::grid_for(blocks)};
      detail::quantize_flat<value_type, Block>
          <<<static_cast<unsigned>(grid), threads, 0, stream.get()>>>(
              in.data_handle(), out.codes.data_handle().bytes, out.scales.data_handle(),
              out.amax.data_handle(), blocks, detail::prepared(q));
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
  status const fits = detail::check_output<Quantizer>(in.extent(0), in.extent(1), out);
  if (fits != status::success) return fits;
  status const found = find_amax(stream, in, out, q);
  return found == status::success ? quantize_with_amax(stream, in, out, q) : found;
}

}  // namespace nibble::device
