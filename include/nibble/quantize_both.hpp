// SPDX-License-Identifier: Apache-2.0
// A matrix and its transpose to blocks, from one pass over it: training needs both, and memory is
// slow.
#pragma once

#include <numeric>

#include "nibble/quantize.hpp"

namespace nibble {

namespace detail {

/// Calls on_rows(panel, row, column) and on_columns(panel, column, row) for panels that cover a
/// matrix: each is read once, and handed on as it lies and turned, transformed for the one and for
/// the other.
template <class Rows, class Columns, class In, class Parallel, class OnRows, class OnColumns>
void for_both(In const& in, Rows const& q_rows, Columns const& q_columns, Parallel const& parallel,
              OnRows const& on_rows, OnColumns const& on_columns) {
  // Whole groups of either direction; the turned rows fill a cache line of codes.
  constexpr matrix_index tall = std::lcm<matrix_index>(Rows::group.rows, Columns::group.columns);
  constexpr matrix_index wide = std::lcm<matrix_index>(Rows::group.columns, Columns::group.rows);
  constexpr matrix_index rows = ceil_div<matrix_index>(128, tall) * tall;
  constexpr matrix_index width = ceil_div<matrix_index>(128, wide) * wide;
  matrix_index const grain = grain_for(rows, in.extent(1));
  parallel(ceil_div<matrix_index>(in.extent(0), rows), grain,
           [&](matrix_index first, matrix_index last) {
             panel straight(rows, width), turned(width, rows);
             for (matrix_index row = first * rows; row < last * rows; row += rows) {
               matrix_index const high =
                   std::min(rows, ceil_div<matrix_index>(in.extent(0) - row, tall) * tall);
               for (matrix_index column = 0; column < in.extent(1); column += width) {
                 straight.read(
                     in, row, column, high,
                     std::min(width, ceil_div<matrix_index>(in.extent(1) - column, wide) * wide));
                 turned.turn(straight);
                 straight.transform(q_rows);
                 turned.transform(q_columns);
                 on_rows(straight, row, column);
                 on_columns(turned, column, row);
               }
             }
           });
}

}  // namespace detail

/// Quantizes a matrix and its transpose under the amaxes that the outputs already hold.
///
/// shape   in: rows x columns. rows_out: as shape_for<Rows>(rows, columns); columns_out: as
///         shape_for<Columns>(columns, rows).
/// errors  as quantize_with_amax.
/// bits    those of quantize_with_amax of `in` and of transposed(in).
template <class In, class BlockR, class LayoutR, class BlockC, class LayoutC, class Rows,
          class Columns, class Parallel = threads>
void quantize_both_with_amax(In const& in, quantized_view<BlockR, LayoutR> const& rows_out,
                             quantized_view<BlockC, LayoutC> const& columns_out, Rows const& q_rows,
                             Columns const& q_columns, Parallel const& parallel = {}) {
  detail::require_ieee("nibble::quantize_both");
  detail::require_shapes<Rows>(in, rows_out, "nibble::quantize_both");
  detail::require_shapes<Columns>(transposed(in), columns_out, "nibble::quantize_both");
  detail::encoder<Rows, BlockR, LayoutR> const encode_rows(rows_out, q_rows, {});
  detail::encoder<Columns, BlockC, LayoutC> const encode_columns(columns_out, q_columns, {});
  detail::for_both(in, q_rows, q_columns, parallel, encode_rows, encode_columns);
  detail::clear_padding(rows_out);
  detail::clear_padding(columns_out);
}

/// Finds the amaxes of a matrix and of its transpose.
///
/// rule    as find_amax. One pass over the matrix, or two where an amax of the transpose covers
///         less than all of it.
/// errors  as find_amax.
template <class In, class BlockR, class LayoutR, class BlockC, class LayoutC, class Rows,
          class Columns, class Parallel = threads>
void find_amax_both(In const& in, quantized_view<BlockR, LayoutR> const& rows_out,
                    quantized_view<BlockC, LayoutC> const& columns_out, Rows const& q_rows,
                    Columns const& q_columns, Parallel const& parallel = {}) {
  if constexpr (Columns::has_one_amax) {
    detail::require_ieee("nibble::find_amax_both");
    detail::require_shapes<Rows>(in, rows_out, "nibble::find_amax_both");
    detail::require_shapes<Columns>(transposed(in), columns_out, "nibble::find_amax_both");
    detail::amax_finder<Rows, BlockR, LayoutR> of_rows(rows_out);
    detail::amax_finder<Columns, BlockC, LayoutC> of_columns(columns_out);
    detail::for_both(
        in, q_rows, q_columns, parallel,
        [&](detail::panel const& values, matrix_index row, matrix_index column) {
          of_rows(values, row, column);
        },
        [&](detail::panel const& values, matrix_index row, matrix_index column) {
          of_columns(values, row, column);
        });
    of_rows.finish();
    of_columns.finish();
  } else {
    find_amax(in, rows_out, q_rows, parallel);
    find_amax(transposed(in), columns_out, q_columns, parallel);
  }
}

/// Quantizes a matrix and its transpose: find_amax_both, then quantize_both_with_amax.
///
/// errors  as quantize_with_amax.
/// bits    those of quantize of `in` and of transposed(in).
template <class In, class BlockR, class LayoutR, class BlockC, class LayoutC, class Rows,
          class Columns, class Parallel = threads>
void quantize_both(In const& in, quantized_view<BlockR, LayoutR> const& rows_out,
                   quantized_view<BlockC, LayoutC> const& columns_out, Rows const& q_rows,
                   Columns const& q_columns, Parallel const& parallel = {}) {
  find_amax_both(in, rows_out, columns_out, q_rows, q_columns, parallel);
  quantize_both_with_amax(in, rows_out, columns_out, q_rows, q_columns, parallel);
}

}  // namespace nibble
