// SPDX-License-Identifier: Apache-2.0
// Causal grouped-query attention without positions: several query heads read the same keys and
// values. The two products inside stay in the scalar type under every recipe.
#pragma once

#include <cmath>

#include "train_lm/block.hpp"
#include "train_lm/vector_math.hpp"

namespace train_lm {

/// queries must be a multiple of keys; head is the width of one head.
struct attention_shape {
  extent queries;
  extent keys;
  extent head;

  extent projected_width() const { return (queries + 2 * keys) * head; }
};

/// rule    [q | k | v] = qkv(x);  P = softmax(q k^T / sqrt(head)) over the past and present;
///         y = out(P v)
template <class Real>
class attention final : public block<Real> {
 public:
  attention(block_builder<Real> const& builder, extent width, attention_shape shape)
      : shape_{shape},
        scale_{1 / std::sqrt(static_cast<Real>(shape.head))},
        qkv_{builder.project("attention.qkv", shape.projected_width(), width)},
        out_{builder.project("attention.out", width, shape.queries * shape.head,
                             builder.residual_scale())} {}

  void forward(matrix<Real> const& x, matrix<Real>& y, step_context const& context) override {
    extent const length = context.length, sequences = x.rows() / length;
    qkv_->forward(x, projected_, context);
    mixed_.resize(x.rows(), shape_.queries * shape_.head);
    weights_.resize(sequences * shape_.queries * length, length);
    context.parallel(sequences * shape_.queries, [&](extent piece) {
      extent const first = piece / shape_.queries * length, query = piece % shape_.queries;
      auto weights = weights_.middleRows(piece * length, length);
      weights.noalias() = q(projected_, first, query, length) *
                          k(projected_, first, key_of(query), length).transpose();
      for (extent t = 0; t < length; ++t) softmax_of_past(weights.row(t).data(), t, length);
      mixed_.block(first, query * shape_.head, length, shape_.head).noalias() =
          weights * v(projected_, first, key_of(query), length);
    });
    out_->forward(mixed_, y, context);
  }

  /// rule    dv = P^T do;  dP = do v^T;  dS = P (dP - rowsum(P dP));  dq = dS k;  dk = dS^T q
  void backward(matrix<Real> const& dy, matrix<Real>& dx, step_context const& context) override {
    extent const length = context.length, sequences = dy.rows() / length;
    out_->backward(dy, mixed_, context);
    dprojected_ = matrix<Real>::Zero(projected_.rows(), projected_.cols());
    // A piece is a key head with all its query heads: their sums for dk and dv stay in one thread.
    context.parallel(sequences * shape_.keys, [&](extent piece) {
      extent const first = piece / shape_.keys * length, key = piece % shape_.keys;
      extent const share = shape_.queries / shape_.keys;
      matrix<Real> dweights(length, length);
      for (extent query = key * share; query < (key + 1) * share; ++query) {
        auto const weights =
            weights_.middleRows((first / length * shape_.queries + query) * length, length);
        auto const dmixed = mixed_.block(first, query * shape_.head, length, shape_.head);
        v(dprojected_, first, key, length).noalias() += weights.transpose() * dmixed;
        dweights.noalias() = dmixed * v(projected_, first, key, length).transpose();
        for (extent t = 0; t < length; ++t) {
          Real const* const weight = weights.row(t).data();
          Real* const dweight = dweights.row(t).data();
          Real const mean = dot(weight, dweight, length);
          for (extent s = 0; s < length; ++s) {
            dweight[s] = weight[s] * (dweight[s] - mean) * scale_;
          }
        }
        q(dprojected_, first, query, length).noalias() =
            dweights * k(projected_, first, key, length);
        k(dprojected_, first, key, length).noalias() +=
            dweights.transpose() * q(projected_, first, query, length);
      }
    });
    qkv_->backward(dprojected_, dx, context);
  }

 private:
  extent key_of(extent query) const { return query / (shape_.queries / shape_.keys); }

  template <class Matrix>
  auto q(Matrix& m, extent first, extent query, extent length) const {
    return m.block(first, query * shape_.head, length, shape_.head);
  }
  template <class Matrix>
  auto k(Matrix& m, extent first, extent key, extent length) const {
    return m.block(first, (shape_.queries + key) * shape_.head, length, shape_.head);
  }
  template <class Matrix>
  auto v(Matrix& m, extent first, extent key, extent length) const {
    return m.block(first, (shape_.queries + shape_.keys + key) * shape_.head, length, shape_.head);
  }

  /// Turns scores into weights that sum to one over entries 0 ... t; later ones get weight zero.
  void softmax_of_past(Real* scores, extent t, extent length) const {
    Real const highest = largest(scores, t + 1);
    for (extent s = 0; s <= t; ++s) scores[s] = exponential((scores[s] - highest) * scale_);
    Real const factor = 1 / sum(scores, t + 1);
    for (extent s = 0; s <= t; ++s) scores[s] *= factor;
    for (extent s = t + 1; s < length; ++s) scores[s] = 0;
  }

  attention_shape shape_;
  Real scale_;
  std::unique_ptr<projection<Real>> qkv_, out_;
  matrix<Real> projected_, dprojected_;
  matrix<Real> mixed_;    // P v, in the backward pass its gradient
  matrix<Real> weights_;  // P of each sequence and query head, below one another
};

}  // namespace train_lm
