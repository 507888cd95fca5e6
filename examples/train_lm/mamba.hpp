// SPDX-License-Identifier: Apache-2.0
// The Mamba-2 block: one projection in, a short convolution, a selective scan, a gate, a norm, one
// projection out.
#pragma once

#include "train_lm/block.hpp"
#include "train_lm/causal_conv.hpp"
#include "train_lm/rms_norm.hpp"
#include "train_lm/selective_scan.hpp"

namespace train_lm {

/// rule    [z | x B C | dt] = in_proj(u);  y = scan(silu(conv(x B C)), dt);
///         out_proj(rms_norm(y silu(z), in groups))
template <class Real>
class mamba final : public block<Real> {
 public:
  mamba(block_builder<Real> const& builder, extent width, scan_shape shape)
      : shape_{shape},
        in_proj_{builder.project("mamba.in_proj", projected_width(shape), width)},
        conv_{builder.add("mamba.conv.weight",
                          builder.initial.template spread<Real>(
                              builder.full_name("mamba.conv.weight"), causal_conv<Real>::taps,
                              shape.convolved_width(), 0.3)),
              builder.add("mamba.conv.bias", matrix<Real>::Zero(1, shape.convolved_width()))},
        scan_{shape, builder.add("mamba.a_log", initial_a_log(builder, shape.heads)),
              builder.add("mamba.d", matrix<Real>::Ones(1, shape.heads)),
              builder.add("mamba.dt_bias", initial_dt_bias(builder, shape.heads))},
        norm_{builder.add("mamba.norm.weight", matrix<Real>::Ones(1, shape.inner)), shape.groups},
        out_proj_{builder.project("mamba.out_proj", width, shape.inner, builder.residual_scale())} {
  }

  static extent projected_width(scan_shape const& shape) {
    return shape.inner + shape.convolved_width() + shape.heads;
  }

  void forward(matrix<Real> const& u, matrix<Real>& out, step_context const& context) override {
    in_proj_->forward(u, projected_, context);
    z_ = projected_.leftCols(shape_.inner);
    xbc_ = projected_.middleCols(shape_.inner, shape_.convolved_width());
    dt_ = projected_.rightCols(shape_.heads);
    conv_.forward(xbc_, convolved_, context);
    scan_.forward(convolved_, dt_, y_, context);
    gated_.resize(y_.rows(), y_.cols());
    for_row_pieces(y_.rows(), context.parallel, [&](extent first, extent count) {
      for (extent i = first * shape_.inner; i < (first + count) * shape_.inner; ++i) {
        Real const z = z_.data()[i];
        gated_.data()[i] = y_.data()[i] * (z * sigmoid(z));
      }
    });
    norm_.forward(gated_, normed_, context);
    out_proj_->forward(normed_, out, context);
  }

  void backward(matrix<Real> const& dout, matrix<Real>& du, step_context const& context) override {
    out_proj_->backward(dout, normed_, context);
    norm_.backward(normed_, gated_, context);  // gated_ now holds its own gradient
    dy_.resize(y_.rows(), y_.cols());
    for_row_pieces(y_.rows(), context.parallel, [&](extent first, extent count) {
      for (extent i = first * shape_.inner; i < (first + count) * shape_.inner; ++i) {
        Real const z = z_.data()[i], s = sigmoid(z), dgated = gated_.data()[i];
        dy_.data()[i] = dgated * (z * s);
        z_.data()[i] = dgated * y_.data()[i] * s * (1 + z * (1 - s));
      }
    });
    scan_.backward(dy_, convolved_, dt_, context);
    conv_.backward(convolved_, xbc_, context);
    projected_.leftCols(shape_.inner) = z_;
    projected_.middleCols(shape_.inner, shape_.convolved_width()) = xbc_;
    projected_.rightCols(shape_.heads) = dt_;
    in_proj_->backward(projected_, du, context);
  }

 private:
  /// A = -exp(a_log) with A uniform in [-16, -1]: heads forget at different speeds.
  static matrix<Real> initial_a_log(block_builder<Real> const& builder, extent heads) {
    matrix<Real> result(1, heads);
    for (extent head = 0; head < heads; ++head) {
      double const unit = builder.initial.unit(builder.full_name("mamba.a_log"), head);
      result.data()[head] = static_cast<Real>(std::log(1 + 15 * unit));
    }
    return result;
  }

  /// Steps start log-uniform in [0.001, 0.1]; the bias is the inverse of softplus of that.
  static matrix<Real> initial_dt_bias(block_builder<Real> const& builder, extent heads) {
    matrix<Real> result(1, heads);
    for (extent head = 0; head < heads; ++head) {
      double const unit = builder.initial.unit(builder.full_name("mamba.dt_bias"), head);
      double const step = std::exp(std::log(0.001) + unit * std::log(100.0));
      result.data()[head] = static_cast<Real>(std::log(std::expm1(step)));
    }
    return result;
  }

  scan_shape shape_;
  std::unique_ptr<projection<Real>> in_proj_;
  causal_conv<Real> conv_;
  selective_scan<Real> scan_;
  rms_norm<Real> norm_;
  std::unique_ptr<projection<Real>> out_proj_;
  matrix<Real> projected_, z_, xbc_, dt_, convolved_, y_, gated_, normed_, dy_;
};

}  // namespace train_lm
