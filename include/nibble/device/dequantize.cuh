// SPDX-License-Identifier: Apache-2.0
// Whole matrices of blocks back to floats on the device: the bytes of nibble::dequantize.
#pragma once

#include <cuda/stream_ref>

#include <algorithm>
#include <limits>

#include "nibble/dequantize.hpp"
#include "nibble/device/group.cuh"
#include "nibble/device/status.cuh"

namespace nibble::device {

namespace detail {

/// One thread, one group: decodes its blocks, undoes the transform if asked, writes what is inside.
template <class In, class Out, class Quantizer, bool Contiguous>
__global__ void __launch_bounds__(threads_per_block)
    dequantize_groups(In in, Out result, Quantizer q, domain which) {
  using Block = typename In::block_type;
  using value_type = std::remove_cv_t<typename Out::value_type>;
  constexpr int size = Block::size;
  constexpr int columns = Quantizer::group.columns;
  auto const shared = Quantizer::prepare({Quantizer::has_one_amax ? in.amax(0, 0) : 0.0f});
  matrix_index const across = nibble::detail::ceil_div<matrix_index>(in.columns(), columns);
  matrix_index const count = across * in.rows();
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  for (matrix_index g = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x; g < count;
       g += step) {
    auto const [row, at] = split(g, across);
    matrix_index const column = at * columns;
    float values[std::size_t{columns}];
    auto const factors =
        Quantizer::has_one_amax ? shared : Quantizer::prepare({in.amax_of(row, column)});
    for (int b = 0; b < columns / size; ++b) {
      matrix_index const block = column / size + b;
      nibble::row<float, size> decoded{};
      if (block < in.scales.extent(1)) {
        Block const stored{load_codes<Contiguous, typename Quantizer::element_type, size>(
                               code_address(in, row, block)),
                           in.scale(row, block)};
        decoded = Quantizer::decode(stored, factors);
      }
      for (int i = 0; i < size; ++i) values[b * size + i] = decoded[i];
    }
    if constexpr (Quantizer::transform_type::size > 1) {
      if (which == domain::original) {
        for (int first = 0; first < columns; first += Quantizer::transform_type::size) {
          q.invert_at(values + first);
        }
      }
    }
    if constexpr (Contiguous) {
      constexpr int per_vector = 16 / static_cast<int>(sizeof(value_type));
      struct alignas(16) vector {
        value_type value[std::size_t{per_vector}];
      };
      value_type* const to = &result(row, column);
      for (int first = 0; first < columns; first += per_vector) {
        vector v;
        for (int i = 0; i < per_vector; ++i) v.value[i] = written_as<value_type>(values[first + i]);
        *reinterpret_cast<vector*>(to + first) = v;
      }
    } else {
      for (int c = 0; c < columns && column + c < result.extent(1); ++c) {
        result(row, column + c) = written_as<value_type>(values[c]);
      }
    }
  }
}

/// How dequantize_flat is launched: threads of a block, and vectors that each of them makes. What was
/// fastest of many.
inline constexpr int flat_threads = 128, flat_vectors = 2;

/// One thread, 16 bytes of a contiguous result at a time, two of them, so that a warp writes 512
/// bytes side by side and its loads overlap. Plain scales, no transform, one amax.
template <class T, class Quantizer>
__global__ void __launch_bounds__(flat_threads)
    dequantize_flat(std::uint8_t const* codes, typename Quantizer::scale_type const* scales,
                    float const* amax, T* result, matrix_index vectors) {
  constexpr int each = 16 / static_cast<int>(sizeof(T)), together = flat_vectors;
  using word = std::conditional_t<each == 8, std::uint32_t, std::uint16_t>;
  struct alignas(16) vector {
    T value[std::size_t{each}];
  };
  auto const factors = Quantizer::prepare({amax != nullptr ? *amax : 0.0f});
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x * together;
  for (matrix_index first =
           static_cast<matrix_index>(blockIdx.x) * blockDim.x * together + threadIdx.x;
       first < vectors; first += step) {
    word loaded[std::size_t{together}];
    typename Quantizer::scale_type scale[std::size_t{together}];
    for (int k = 0; k < together; ++k) {
      matrix_index const i = first + k * flat_threads;
      if (i < vectors) {
        loaded[k] = reinterpret_cast<word const*>(codes)[i];
        scale[k] = scales[i * each / Quantizer::block_type::size];
      }
    }
    for (int k = 0; k < together; ++k) {
      matrix_index const i = first + k * flat_threads;
      if (i >= vectors) break;
      float const multiplier = Quantizer::multiplier(scale[k], factors);
      vector v;
      for (int e = 0; e < each; ++e) {
        auto const code = Quantizer::element_type::from_bits(
            static_cast<std::uint8_t>(loaded[k] >> (4 * e) & 15));
        v.value[e] = written_as<T>(arch::multiply(static_cast<float>(code), multiplier));
      }
      // Nothing here reads it again, and what was read before is better kept.
      __stcs(reinterpret_cast<uint4*>(result) + i, *reinterpret_cast<uint4 const*>(&v));
    }
  }
}

}  // namespace detail

/// Writes the numbers that a quantized matrix stands for; see nibble::dequantize.
///
/// errors  shape_mismatch: the result has not the shape that was quantized, or a transform that is
///         to be undone does not fit a whole number of times. Allocates nothing, can
///         be captured in a graph.
/// bits    those of nibble::dequantize, for any launch shape.
template <class Block, class ScaleLayout, class Out, class Quantizer>
status dequantize(::cuda::stream_ref stream, quantized_view<Block, ScaleLayout> const& in,
                  Out const& result, Quantizer const& q, domain which = domain::original) {
  using view = quantized_view<Block, ScaleLayout>;
  using value_type = std::remove_cv_t<typename Out::value_type>;
  constexpr matrix_index columns = Quantizer::group.columns;
  if (result.extent(0) != in.rows() || result.extent(1) > in.columns() ||
      result.extent(1) <= in.columns() - Quantizer::transform_type::size ||
      (which == domain::original && !nibble::detail::has_whole_transforms<Quantizer>(in))) {
    return status::shape_mismatch;
  }
  if (in.rows() == 0 || in.columns() == 0) return status::success;
  matrix_index const groups =
      in.rows() * nibble::detail::ceil_div<matrix_index>(in.columns(), columns);
  unsigned const grid = detail::grid_for(groups);
  bool const is_contiguous = result.extent(1) % columns == 0 && detail::has_wide_rows(result) &&
                             detail::has_wide_codes(in);
  if constexpr (std::is_same_v<ScaleLayout, ::cuda::std::layout_right> && Quantizer::has_one_amax &&
                Quantizer::element_type::format == format::e2m1 &&
                Quantizer::block_type::size % 8 == 0 && !is_adaptive<typename view::block_type>) {
    if (is_contiguous && (Quantizer::transform_type::size == 1 || which == domain::transformed) &&
        result.stride(0) == result.extent(1) && in.codes.stride(0) == result.extent(1) &&
        in.rows_per_scale() == 1) {
      matrix_index const vectors =
          result.extent(0) * result.extent(1) * static_cast<matrix_index>(sizeof(value_type)) / 16;
      constexpr matrix_index most = std::numeric_limits<int>::max();
      matrix_index const blocks = nibble::detail::ceil_div<matrix_index>(
          vectors, detail::flat_threads * detail::flat_vectors);
      detail::dequantize_flat<value_type, Quantizer>
          <<<static_cast<unsigned>(std::min(blocks, most)), detail::flat_threads, 0,
             stream.get()>>>(in.codes.data_handle().bytes, in.scales.data_handle(),
                             in.amax.data_handle(), result.data_handle(), vectors);
      return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
    }
  }
  if (is_contiguous) {
    detail::dequantize_groups<view, Out, Quantizer, true>
        <<<grid, detail::threads_per_block, 0, stream.get()>>>(in, result, q, which);
  } else {
    detail::dequantize_groups<view, Out, Quantizer, false>
        <<<grid, detail::threads_per_block, 0, stream.get()>>>(in, result, q, which);
  }
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace nibble::device
