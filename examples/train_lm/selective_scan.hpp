// SPDX-License-Identifier: Apache-2.0
// The state space of a Mamba-2 block: a matrix of memory that each token decays, writes to and
// reads. The channels of all heads of a group lie side by side, so that the inner loops are plain
// vectors.
#pragma once

#include <vector>

#include "train_lm/parameters.hpp"
#include "train_lm/partial_sums.hpp"
#include "train_lm/step_context.hpp"
#include "train_lm/vector_math.hpp"

namespace train_lm {

/// How the inner width is divided: heads of equal width; the heads of a group share B and C.
struct scan_shape {
  extent inner;
  extent heads;
  extent groups;
  extent state;  ///< how many numbers each channel remembers

  extent head_width() const { return inner / heads; }
  extent group_width() const { return inner / groups; }
  extent convolved_width() const { return inner + 2 * groups * state; }
};

/// shape   xbc [tokens, inner | groups x state (B) | groups x state (C)], dt [tokens, heads],
///         y [tokens, inner]; a_log, d, dt_bias [1, heads]
/// rule    for each head, with step = softplus(dt + dt_bias), decay = exp(-step exp(a_log)):
///         S[t] = decay S[t-1] + step x[t] B[t]^T;  y[t] = S[t] C[t] + d x[t]
template <class Real>
class selective_scan {
 public:
  selective_scan(scan_shape shape, parameter<Real>& a_log, parameter<Real>& d,
                 parameter<Real>& dt_bias)
      : shape_{shape}, a_log_{a_log}, d_{d}, dt_bias_{dt_bias} {}

  void forward(matrix<Real> const& xbc, matrix<Real> const& dt, matrix<Real>& y,
               step_context const& context) {
    xbc_ = xbc;
    measure_steps(dt, context.parallel);
    read_.resize(xbc.rows(), shape_.inner);
    y.resize(xbc.rows(), shape_.inner);
    context.parallel(xbc.rows() / context.length * shape_.groups, [&](extent piece) {
      extent const group = piece % shape_.groups, first = piece / shape_.groups * context.length;
      extent const width = shape_.group_width(), begin = group * width;
      matrix<Real> memory = matrix<Real>::Zero(shape_.state, width);
      std::vector<Real> decay(static_cast<std::size_t>(width)), input = decay;
      for (extent row = first; row < first + context.length; ++row) {
        spread_decay(row, group, decay.data());
        spread_input(row, group, input.data());
        Real* const read = read_.row(row).data() + begin;
        for (extent j = 0; j < width; ++j) read[j] = 0;
        for (extent n = 0; n < shape_.state; ++n) {
          write_and_read(memory.row(n).data(), decay.data(), input.data(), b_of(row, group)[n],
                         c_of(row, group)[n], read, width);
        }
        Real const* const x = xbc_.row(row).data() + begin;
        Real* const out = y.row(row).data() + begin;
        for (extent j = 0; j < width; ++j) {
          out[j] = read[j] + d_.value.data()[(begin + j) / shape_.head_width()] * x[j];
        }
      }
    });
  }

  /// Gradients with two passes and no history of the memory: forwards again for dC, backwards for
  /// the rest. The memory is never run in reverse by dividing by the decay, which would lose all
  /// digits. rule    G[t] = dy[t] C[t]^T + decay[t+1] G[t+1];  dC = S^T dy;  dB = step G^T x
  ///         w = G B;  dx = step w + d dy;  u = x . w
  ///         r[t] = dL/dlog decay[t] = dy . (S C) + r[t+1] - step u, a running sum
  ///         dstep = u + A r;  dA = sum of step r;  A = -exp(a_log)
  void backward(matrix<Real> const& dy, matrix<Real>& dxbc, matrix<Real>& ddt,
                step_context const& context) {
    extent const heads = shape_.heads;
    dxbc.resize(xbc_.rows(), xbc_.cols());
    ddt.resize(xbc_.rows(), heads);
    sums_.reset(xbc_.rows() / context.length, 3 * heads);
    context.parallel(xbc_.rows() / context.length * shape_.groups, [&](extent piece) {
      extent const group = piece % shape_.groups, first = piece / shape_.groups * context.length;
      find_dc(dy, dxbc, group, first, context.length);
      find_the_rest(dy, dxbc, ddt, group, first, context.length);
    });
    sums_.add_to(a_log_.gradient, 0);
    sums_.add_to(d_.gradient, heads);
    sums_.add_to(dt_bias_.gradient, 2 * heads);
  }

 private:
  /// memory = decay memory + b input;  read += c memory
  static void write_and_read(Real* __restrict memory, Real const* __restrict decay,
                             Real const* __restrict input, Real b, Real c, Real* __restrict read,
                             extent width) {
    for (extent j = 0; j < width; ++j) {
      Real const now = decay[j] * memory[j] + b * input[j];
      memory[j] = now;
      read[j] += c * now;
    }
  }

  Real const* b_of(extent row, extent group) const {
    return xbc_.row(row).data() + shape_.inner + group * shape_.state;
  }
  Real const* c_of(extent row, extent group) const {
    return b_of(row, group) + shape_.groups * shape_.state;
  }

  void measure_steps(matrix<Real> const& dt, parallel_for const& parallel) {
    raw_.resize(dt.rows(), dt.cols());
    step_.resize(dt.rows(), dt.cols());
    decay_.resize(dt.rows(), dt.cols());
    for_row_pieces(dt.rows(), parallel, [&](extent first, extent count) {
      for (extent i = first * shape_.heads; i < (first + count) * shape_.heads; ++i) {
        extent const head = i % shape_.heads;
        Real const raw = dt.data()[i] + dt_bias_.value.data()[head];
        Real const step = softplus(raw);
        raw_.data()[i] = raw;
        step_.data()[i] = step;
        decay_.data()[i] = exponential(-exponential(a_log_.value.data()[head]) * step);
      }
    });
  }

  /// Calls body(head, index of its first channel within the group) for the heads of a group.
  template <class Body>
  void for_heads(extent group, Body const& body) const {
    extent const heads = shape_.heads / shape_.groups;
    for (extent i = 0; i < heads; ++i) body(group * heads + i, i * shape_.head_width());
  }

  void spread_decay(extent row, extent group, Real* decay) const {
    for_heads(group, [&](extent head, extent channel) {
      for (extent p = 0; p < shape_.head_width(); ++p) decay[channel + p] = decay_(row, head);
    });
  }

  void spread_input(extent row, extent group, Real* input) const {
    Real const* const x = xbc_.row(row).data() + group * shape_.group_width();
    for_heads(group, [&](extent head, extent channel) {
      for (extent p = 0; p < shape_.head_width(); ++p) {
        input[channel + p] = step_(row, head) * x[channel + p];
      }
    });
  }

  void find_dc(matrix<Real> const& dy, matrix<Real>& dxbc, extent group, extent first,
               extent length) const {
    extent const width = shape_.group_width();
    matrix<Real> memory = matrix<Real>::Zero(shape_.state, width);
    std::vector<Real> decay(static_cast<std::size_t>(width)), input = decay;
    for (extent row = first; row < first + length; ++row) {
      spread_decay(row, group, decay.data());
      spread_input(row, group, input.data());
      Real const* const b = b_of(row, group);
      Real const* const dout = dy.row(row).data() + group * width;
      Real* const dc = dxbc.row(row).data() + shape_.inner + (shape_.groups + group) * shape_.state;
      for (extent n = 0; n < shape_.state; ++n) {
        dc[n] =
            write_and_compare(memory.row(n).data(), decay.data(), input.data(), b[n], dout, width);
      }
    }
  }

  /// memory = decay memory + b input; returns memory . dy
  static Real write_and_compare(Real* __restrict memory, Real const* __restrict decay,
                                Real const* __restrict input, Real b, Real const* __restrict dy,
                                extent width) {
    for (extent j = 0; j < width; ++j) memory[j] = decay[j] * memory[j] + b * input[j];
    return dot(memory, dy, width);
  }

  /// flow = decay flow + c dy;  w += b flow
  static void carry_back(Real* __restrict flow, Real const* __restrict decay,
                         Real const* __restrict dy, Real b, Real c, Real* __restrict w,
                         extent width) {
    for (extent j = 0; j < width; ++j) {
      Real const now = decay[j] * flow[j] + c * dy[j];
      flow[j] = now;
      w[j] += b * now;
    }
  }

  void find_the_rest(matrix<Real> const& dy, matrix<Real>& dxbc, matrix<Real>& ddt, extent group,
                     extent first, extent length) {
    extent const width = shape_.group_width(), head_width = shape_.head_width();
    extent const begin = group * width;
    matrix<Real> flow = matrix<Real>::Zero(shape_.state, width);  // G, transposed
    std::vector<Real> next_decay(static_cast<std::size_t>(width)), input = next_decay,
                                                                   w = next_decay;
    std::vector<Real> r(static_cast<std::size_t>(shape_.heads));
    Real* const sums = sums_.row(first / length);
    for (extent row = first + length - 1; row >= first; --row) {
      spread_input(row, group, input.data());
      Real const* const x = xbc_.row(row).data() + begin;
      Real const* const dout = dy.row(row).data() + begin;
      Real const* const b = b_of(row, group);
      Real const* const c = c_of(row, group);
      Real* const dx = dxbc.row(row).data() + begin;
      Real* const db = dxbc.row(row).data() + shape_.inner + group * shape_.state;
      for (Real& each : w) each = 0;
      for (extent n = 0; n < shape_.state; ++n) {
        Real* const flow_n = flow.row(n).data();
        carry_back(flow_n, next_decay.data(), dout, b[n], c[n], w.data(), width);
        db[n] = dot(flow_n, input.data(), width);
      }
      for_heads(group, [&](extent head, extent channel) {
        Real const step = step_(row, head), d = d_.value.data()[head];
        Real const a = -exponential(a_log_.value.data()[head]);
        Real const* const read = read_.row(row).data() + begin + channel;
        Real u = 0, dy_read = 0, dy_x = 0;
        for (extent p = channel; p < channel + head_width; ++p) {
          u += x[p] * w[static_cast<std::size_t>(p)];
          dy_read += dout[p] * read[p - channel];
          dy_x += dout[p] * x[p];
          dx[p] = step * w[static_cast<std::size_t>(p)] + d * dout[p];
        }
        Real& carried = r[static_cast<std::size_t>(head)];
        carried += dy_read - step * u;
        Real const draw = (u + a * carried) * sigmoid(raw_(row, head));
        ddt(row, head) = draw;
        sums[head] += a * step * carried;
        sums[shape_.heads + head] += dy_x;
        sums[2 * shape_.heads + head] += draw;
      });
      spread_decay(row, group, next_decay.data());
    }
  }

  scan_shape shape_;
  parameter<Real>& a_log_;
  parameter<Real>& d_;
  parameter<Real>& dt_bias_;
  matrix<Real> xbc_, raw_, step_, decay_;
  matrix<Real> read_;  // S C, without the skip
  partial_sums<Real> sums_;
};

}  // namespace train_lm
