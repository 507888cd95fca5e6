// SPDX-License-Identifier: Apache-2.0
// The three matrix products of a linear layer on several threads. They are cut along the rows of
// the result, in pieces of a fixed size: no sum crosses a cut, and cuts do not depend on the thread
// count.
#pragma once

#include <algorithm>

#include "train_lm/parallel_for.hpp"

namespace train_lm {

inline constexpr extent rows_per_piece = 64;

/// Calls body(first row, row count) for each piece of `rows` rows.
template <class Body>
void for_row_pieces(extent rows, parallel_for const& parallel, Body const& body) {
  parallel((rows + rows_per_piece - 1) / rows_per_piece, [&](extent piece) {
    extent const first = piece * rows_per_piece;
    body(first, std::min(rows_per_piece, rows - first));
  });
}

/// y = x w^T: the forward pass.
template <class Real>
void multiply_transposed(matrix<Real> const& x, matrix<Real> const& w, matrix<Real>& y,
                         parallel_for const& parallel) {
  y.resize(x.rows(), w.rows());
  for_row_pieces(y.rows(), parallel, [&](extent first, extent count) {
    y.middleRows(first, count).noalias() = x.middleRows(first, count) * w.transpose();
  });
}

/// dx = dy w: the gradient of the input.
template <class Real>
void multiply(matrix<Real> const& dy, matrix<Real> const& w, matrix<Real>& dx,
              parallel_for const& parallel) {
  dx.resize(dy.rows(), w.cols());
  for_row_pieces(dx.rows(), parallel, [&](extent first, extent count) {
    dx.middleRows(first, count).noalias() = dy.middleRows(first, count) * w;
  });
}

/// dw += dy^T x: the gradient of the weight.
template <class Real>
void add_outer_products(matrix<Real> const& dy, matrix<Real> const& x, matrix<Real>& dw,
                        parallel_for const& parallel) {
  for_row_pieces(dw.rows(), parallel, [&](extent first, extent count) {
    dw.middleRows(first, count).noalias() += dy.middleCols(first, count).transpose() * x;
  });
}

}  // namespace train_lm
