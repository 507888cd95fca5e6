// SPDX-License-Identifier: Apache-2.0
// Quantized matrices under another quantizer, strip by strip: no float matrix in memory.
#pragma once

#include "nibble/dequantize.hpp"
#include "nibble/part.hpp"

namespace nibble {

/// How a result lies to what it was made from.
enum class orientation { straight, transposed };

namespace detail {

/// Calls body(values, row, rows) for strips of the decoded matrix that cover the rows of the result.
template <class Block, class ScaleLayout, class Quantizer, class Parallel, class Body>
void for_strips(quantized_view<Block, ScaleLayout> const& in, Quantizer const& q, orientation lies,
                Parallel const& parallel, Body const& body) {
  constexpr matrix_index tall = 128;  // whole tiles and whole blocks of every format
  bool const is_turned = lies == orientation::transposed;
  matrix_index const count = is_turned ? in.columns() : in.rows();
  matrix_index const width = is_turned ? in.rows() : in.columns();
  std::vector<float> values(static_cast<std::size_t>(std::min(tall, count) * width));
  for (matrix_index first = 0; first < count; first += tall) {
    matrix_index const size = std::min(tall, count - first);
    auto const strip = *make_matrix_view(cuda::std::span<float>(values.data(), values.size()),
                                         is_turned ? width : size, is_turned ? size : width);
    auto const piece =
        is_turned ? part(in, 0, first, width, size) : part(in, first, 0, size, width);
    dequantize(*piece, strip, q, domain::original, parallel);
    body(is_turned ? transposed(strip) : strip, first, size);
  }
}

template <class From, class To, class BlockIn, class LayoutIn, class BlockOut, class LayoutOut>
void require_requantizable(quantized_view<BlockIn, LayoutIn> const& in,
                           quantized_view<BlockOut, LayoutOut> const& out, orientation lies) {
  require_whole_transforms<From>(in, "nibble::requantize");
  // Only its extents matter.
  matrix_view<float const> const straight(
      nullptr, {matrix_extents(in.rows(), in.columns()), cuda::std::array<matrix_index, 2>{1, 1}});
  require_shapes<To>(lies == orientation::transposed ? transposed(straight) : straight, out,
                     "nibble::requantize");
}

}  // namespace detail

/// Requantizes under the amaxes that `out` already holds; see requantize.
///
/// errors  as requantize.
/// bits    those of dequantize, then quantize_with_amax.
template <class BlockIn, class LayoutIn, class From, class BlockOut, class LayoutOut, class To,
          class Parallel = threads>
void requantize_with_amax(quantized_view<BlockIn, LayoutIn> const& in, From const& q_in,
                          quantized_view<BlockOut, LayoutOut> const& out, To const& q_out,
                          orientation lies = orientation::straight, Parallel const& parallel = {}) {
  detail::require_requantizable<From, To>(in, out, lies);
  detail::for_strips(in, q_in, lies, parallel,
                     [&](auto const& strip, matrix_index first, matrix_index size) {
                       quantize_with_amax(strip, *part(out, first, 0, size, out.columns()), q_out,
                                          parallel, shard{first, 0, out.columns()});
                     });
  detail::clear_padding(out);
}

/// Quantizes what a quantized matrix stands for, or its transpose, under another quantizer.
///
/// shape   in: rows x columns, as q_in quantized them; columns that a transform added count as
///         columns. out: as shape_for<To> of rows x columns, or of columns x rows.
/// rule    dequantize to floats, find_amax, quantize_with_amax.
/// errors  as quantize. out must not share memory with in.
/// bits    those of the three steps one by one.
template <class BlockIn, class LayoutIn, class From, class BlockOut, class LayoutOut, class To,
          class Parallel = threads>
void requantize(quantized_view<BlockIn, LayoutIn> const& in, From const& q_in,
                quantized_view<BlockOut, LayoutOut> const& out, To const& q_out,
                orientation lies = orientation::straight, Parallel const& parallel = {}) {
  detail::require_requantizable<From, To>(in, out, lies);
  [[maybe_unused]] float largest = 0;
  detail::for_strips(in, q_in, lies, parallel,
                     [&](auto const& strip, matrix_index first, matrix_index size) {
                       auto const piece = *part(out, first, 0, size, out.columns());
                       find_amax(strip, piece, q_out, parallel);
                       if constexpr (To::has_one_amax)
                         largest = std::max(largest, piece.amax(0, 0));
                     });
  if constexpr (To::has_one_amax) out.amax(0, 0) = largest;
  requantize_with_amax(in, q_in, out, q_out, lies, parallel);
}

}  // namespace nibble
