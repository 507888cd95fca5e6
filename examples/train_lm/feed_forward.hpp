// SPDX-License-Identifier: Apache-2.0
// The feed-forward block with squared ReLU.
#pragma once

#include "train_lm/block.hpp"

namespace train_lm {

/// rule    y = W2 max(W1 x, 0)^2
template <class Real>
class feed_forward final : public block<Real> {
 public:
  feed_forward(block_builder<Real> const& builder, extent width, extent hidden)
      : up_{builder.project("ffn.w1", hidden, width)},
        down_{builder.project("ffn.w2", width, hidden, builder.residual_scale())} {}

  void forward(matrix<Real> const& x, matrix<Real>& y, step_context const& context) override {
    up_->forward(x, hidden_, context);
    squared_.resize(hidden_.rows(), hidden_.cols());
    for_row_pieces(hidden_.rows(), context.parallel, [&](extent first, extent count) {
      for (extent i = first * hidden_.cols(); i < (first + count) * hidden_.cols(); ++i) {
        Real const positive = hidden_.data()[i] > 0 ? hidden_.data()[i] : Real{0};
        hidden_.data()[i] = positive;
        squared_.data()[i] = positive * positive;
      }
    });
    down_->forward(squared_, y, context);
  }

  /// rule    dhidden = 2 max(hidden, 0) (W2^T dy)
  void backward(matrix<Real> const& dy, matrix<Real>& dx, step_context const& context) override {
    down_->backward(dy, dsquared_, context);
    for_row_pieces(hidden_.rows(), context.parallel, [&](extent first, extent count) {
      for (extent i = first * hidden_.cols(); i < (first + count) * hidden_.cols(); ++i) {
        dsquared_.data()[i] *= 2 * hidden_.data()[i];
      }
    });
    up_->backward(dsquared_, dx, context);
  }

 private:
  std::unique_ptr<projection<Real>> up_, down_;
  matrix<Real> hidden_, squared_, dsquared_;
};

}  // namespace train_lm
