// SPDX-License-Identifier: Apache-2.0
// Root-mean-square normalization, over a whole row or over equal groups of its columns.
#pragma once

#include <cmath>

#include "train_lm/parameters.hpp"
#include "train_lm/partial_sums.hpp"
#include "train_lm/product.hpp"
#include "train_lm/step_context.hpp"
#include "train_lm/vector_math.hpp"

namespace train_lm {

/// rule    y = x s weight with s = 1 / sqrt(mean of the group's x^2 + 1e-5)
template <class Real>
class rms_norm {
 public:
  explicit rms_norm(parameter<Real>& weight, extent groups = 1)
      : weight_{weight}, groups_{groups}, width_{weight.value.cols() / groups} {}

  void forward(matrix<Real> const& x, matrix<Real>& y, step_context const& context) {
    x_ = x;
    y.resize(x.rows(), x.cols());
    scale_.resize(x.rows(), groups_);
    for_row_pieces(x.rows(), context.parallel, [&](extent first, extent count) {
      for (extent i = first * groups_; i < (first + count) * groups_; ++i) {
        extent const row = i / groups_, column = i % groups_ * width_;
        Real const* const in = x.row(row).data() + column;
        Real const* const weight = weight_.value.data() + column;
        Real* const out = y.row(row).data() + column;
        Real const scale =
            1 / std::sqrt(dot(in, in, width_) / static_cast<Real>(width_) + Real(1e-5));
        scale_.data()[i] = scale;
        for (extent j = 0; j < width_; ++j) out[j] = in[j] * scale * weight[j];
      }
    });
  }

  /// rule    with g = dy weight: dx = s (g - x s^2 mean(g x)); dweight = sum over tokens of dy x s
  void backward(matrix<Real> const& dy, matrix<Real>& dx, step_context const& context) {
    dx.resize(dy.rows(), dy.cols());
    sums_.reset((dy.rows() + rows_per_piece - 1) / rows_per_piece, dy.cols());
    for_row_pieces(dy.rows(), context.parallel, [&](extent first, extent count) {
      Real* const dweights = sums_.row(first / rows_per_piece);
      for (extent i = first * groups_; i < (first + count) * groups_; ++i) {
        extent const row = i / groups_, column = i % groups_ * width_;
        Real const* const in = x_.row(row).data() + column;
        Real const* const dout = dy.row(row).data() + column;
        Real const* const weight = weight_.value.data() + column;
        Real* const din = dx.row(row).data() + column;
        Real* const dweight = dweights + column;
        Real const scale = scale_.data()[i];
        for (extent j = 0; j < width_; ++j) {
          dweight[j] += dout[j] * in[j] * scale;
          din[j] = dout[j] * weight[j];
        }
        Real const pull = dot(din, in, width_) / static_cast<Real>(width_) * scale * scale;
        for (extent j = 0; j < width_; ++j) din[j] = scale * (din[j] - in[j] * pull);
      }
    });
    sums_.add_to(weight_.gradient);
  }

 private:
  parameter<Real>& weight_;
  extent groups_, width_;
  matrix<Real> x_, scale_;
  partial_sums<Real> sums_;
};

}  // namespace train_lm
