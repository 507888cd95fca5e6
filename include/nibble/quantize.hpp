// SPDX-License-Identifier: Apache-2.0
// Whole matrices to blocks on the host.
#pragma once

#include "nibble/detail/host_encode.hpp"
#include "nibble/threads.hpp"

namespace nibble {

/// Quantizes a matrix under the amaxes that `out` already holds (delayed scaling, or an amax that a
/// producer found).
///
/// shape   in: rows x columns of float, bf16 or fp16, any strides. out: as shape_for<Quantizer>.
/// rule    group by group. An element's position is its index in the row-major order of the matrix
///         as quantized. The rest of a group that reaches beyond the edge counts as zeros; padding
///         of codes and scales is written as zeros.
/// errors  std::invalid_argument for shapes that do not fit, std::runtime_error where this thread
///         flushes subnormals or does not round to nearest; nothing is written then.
/// bits    identical on every machine, for any number of threads and any strides.
template <class In, class Block, class ScaleLayout, class Quantizer, class Parallel = threads>
void quantize_with_amax(In const& in, quantized_view<Block, ScaleLayout> const& out,
                        Quantizer const& q, Parallel const& parallel = {}, shard where = {}) {
  detail::require_ieee("nibble::quantize");
  detail::require_shapes<Quantizer>(in, out, "nibble::quantize");
  detail::encoder<Quantizer, Block, ScaleLayout> const encode(out, q, where);
  detail::panel_loop<Quantizer> const panels(in, out.columns());
  panels(in, q, parallel,
         [&](matrix_index, detail::panel const& values, matrix_index row, matrix_index column) {
           encode(values, row, column);
         });
  detail::clear_padding(out);
}

/// Finds the amaxes that Quantizer derives outer scales from, of the values as they will be scaled:
/// after the transform and its rounding.
///
/// shape   as quantize; writes out.amax only.
/// rule    the largest magnitude, NaN aside; an integer maximum, so any order gives the same bits.
/// errors  as quantize.
template <class In, class Block, class ScaleLayout, class Quantizer, class Parallel = threads>
void find_amax(In const& in, quantized_view<Block, ScaleLayout> const& out, Quantizer const& q,
               Parallel const& parallel = {}) {
  detail::require_ieee("nibble::find_amax");
  detail::require_shapes<Quantizer>(in, out, "nibble::find_amax");
  detail::amax_finder<Quantizer, Block, ScaleLayout> find(out);
  detail::panel_loop<Quantizer> const panels(in, out.columns());
  panels(in, q, parallel,
         [&](matrix_index, detail::panel const& values, matrix_index row, matrix_index column) {
           find(values, row, column);
         });
  find.finish();
}

/// Quantizes a matrix: find_amax, then quantize_with_amax, whose shapes, errors and bits these are.
template <class In, class Block, class ScaleLayout, class Quantizer, class Parallel = threads>
void quantize(In const& in, quantized_view<Block, ScaleLayout> const& out, Quantizer const& q,
              Parallel const& parallel = {}) {
  find_amax(in, out, q, parallel);
  quantize_with_amax(in, out, q, parallel);
}

/// Quantizes a matrix to memory of its own; see quantize.
template <class ScaleLayout = cuda::std::layout_right, class In, class Quantizer,
          class Parallel = threads>
[[nodiscard]] quantized_by<Quantizer, ScaleLayout> quantized(In const& in, Quantizer const& q,
                                                             Parallel const& parallel = {}) {
  quantized_by<Quantizer, ScaleLayout> result(
      shape_for<Quantizer, ScaleLayout>(in.extent(0), in.extent(1)));
  quantize(in, result.view(), q, parallel);
  return result;
}

}  // namespace nibble
