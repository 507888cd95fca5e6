// SPDX-License-Identifier: Apache-2.0
// A linear layer without bias, y = x W^T. It is abstract because this is the one place where a
// recipe enters the model: what is quantized and how is decided behind this interface, by whoever
// makes it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "train_lm/parameters.hpp"
#include "train_lm/product.hpp"
#include "train_lm/step_context.hpp"

namespace train_lm {

/// shape   x [tokens, inputs], y [tokens, outputs], weight [outputs, inputs]
template <class Real>
class projection {
 public:
  virtual ~projection() = default;
  /// y = x W^T; keeps what backward needs.
  virtual void forward(matrix<Real> const& x, matrix<Real>& y, step_context const& context) = 0;
  /// dx = dy W, and adds dy^T x to the gradient of the weight.
  virtual void backward(matrix<Real> const& dy, matrix<Real>& dx, step_context const& context) = 0;
};

/// Where a projection stands in the model: a recipe may treat layers differently.
struct projection_place {
  std::string
      role;       ///< "mamba.in_proj", "mamba.out_proj", "ffn.w1", "ffn.w2", "attention.qkv", ...
  extent block;   ///< 0 for the first block of the pattern
  extent blocks;  ///< the length of the pattern
};

/// Makes the projection for a place, on a weight that outlives it.
template <class Real>
using projection_factory = std::function<std::unique_ptr<projection<Real>>(
    projection_place const& place, parameter<Real>& weight)>;

/// The product as the scalar type gives it: the baseline, and what the gradient checks run on.
template <class Real>
class exact_projection final : public projection<Real> {
 public:
  explicit exact_projection(parameter<Real>& weight) : weight_{weight} {}

  void forward(matrix<Real> const& x, matrix<Real>& y, step_context const& context) override {
    if (context.training) x_ = x;
    multiply_transposed(x, weight_.value, y, context.parallel);
  }

  void backward(matrix<Real> const& dy, matrix<Real>& dx, step_context const& context) override {
    multiply(dy, weight_.value, dx, context.parallel);
    add_outer_products(dy, x_, weight_.gradient, context.parallel);
  }

 private:
  parameter<Real>& weight_;
  matrix<Real> x_;
};

/// A factory of exact projections.
template <class Real>
projection_factory<Real> exact_projections() {
  return [](projection_place const&, parameter<Real>& weight) {
    return std::make_unique<exact_projection<Real>>(weight);
  };
}

}  // namespace train_lm
