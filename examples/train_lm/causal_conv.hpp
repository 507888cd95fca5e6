// SPDX-License-Identifier: Apache-2.0
// The short convolution of a Mamba block: each channel sees its own last four tokens, never later
// ones and never another sequence; SiLU follows.
#pragma once

#include "train_lm/parameters.hpp"
#include "train_lm/partial_sums.hpp"
#include "train_lm/step_context.hpp"
#include "train_lm/vector_math.hpp"

namespace train_lm {

/// rule    v[t] = bias + sum over k of weight[k] x[t - 3 + k];  y = v sigmoid(v)
/// shape   x, y [tokens, channels], weight [4, channels] (taps outside, so that channels vectorise)
template <class Real>
class causal_conv {
 public:
  static constexpr extent taps = 4;

  causal_conv(parameter<Real>& weight, parameter<Real>& bias) : weight_{weight}, bias_{bias} {}

  void forward(matrix<Real> const& x, matrix<Real>& y, step_context const& context) {
    extent const channels = x.cols(), length = context.length;
    x_ = x;
    sum_.resize(x.rows(), channels);
    y.resize(x.rows(), channels);
    context.parallel(x.rows() / length, [&](extent sequence) {
      for (extent t = 0; t < length; ++t) {
        Real* const sum = sum_.row(sequence * length + t).data();
        Real* const out = y.row(sequence * length + t).data();
        Real const* const bias = bias_.value.data();
        for (extent c = 0; c < channels; ++c) sum[c] = bias[c];
        for (extent k = t < taps ? taps - 1 - t : 0; k < taps; ++k) {
          Real const* const in = x.row(sequence * length + t - (taps - 1) + k).data();
          Real const* const weight = weight_.value.row(k).data();
          for (extent c = 0; c < channels; ++c) sum[c] += weight[c] * in[c];
        }
        for (extent c = 0; c < channels; ++c) out[c] = sum[c] * sigmoid(sum[c]);
      }
    });
  }

  void backward(matrix<Real> const& dy, matrix<Real>& dx, step_context const& context) {
    extent const channels = dy.cols(), length = context.length;
    dx.resize(dy.rows(), channels);
    dsum_.resize(dy.rows(), channels);
    sums_.reset(dy.rows() / length, (taps + 1) * channels);
    context.parallel(dy.rows() / length, [&](extent sequence) {
      Real* const partial = sums_.row(sequence);
      for (extent t = 0; t < length; ++t) {
        extent const row = sequence * length + t;
        Real const* const sum = sum_.row(row).data();
        Real const* const dout = dy.row(row).data();
        Real* const dsum = dsum_.row(row).data();
        Real* const din = dx.row(row).data();
        Real* const dbias = partial + taps * channels;
        for (extent c = 0; c < channels; ++c) {
          Real const s = sigmoid(sum[c]);
          dsum[c] = dout[c] * s * (1 + sum[c] * (1 - s));
          dbias[c] += dsum[c];
          din[c] = 0;
        }
        for (extent k = t < taps ? taps - 1 - t : 0; k < taps; ++k) {
          extent const source = row - (taps - 1) + k;
          Real const* const in = x_.row(source).data();
          Real const* const weight = weight_.value.row(k).data();
          Real* const dsource = dx.row(source).data();
          Real* const dweight = partial + k * channels;
          for (extent c = 0; c < channels; ++c) {
            dweight[c] += dsum[c] * in[c];
            dsource[c] += dsum[c] * weight[c];
          }
        }
      }
    });
    sums_.add_to(weight_.gradient);
    sums_.add_to(bias_.gradient, taps * channels);
  }

 private:
  parameter<Real>& weight_;
  parameter<Real>& bias_;
  matrix<Real> x_, sum_, dsum_;
  partial_sums<Real> sums_;
};

}  // namespace train_lm
