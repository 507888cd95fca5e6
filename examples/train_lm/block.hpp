// SPDX-License-Identifier: Apache-2.0
// What a block of the model is, and what it needs to be made: the residual stream around it knows
// nothing of attention, state spaces or feed-forward layers.
#pragma once

#include <memory>
#include <string>

#include "train_lm/initial.hpp"
#include "train_lm/projection.hpp"

namespace train_lm {

/// A differentiable map of the residual stream, [tokens, width] to the same shape.
template <class Real>
class block {
 public:
  virtual ~block() = default;
  virtual void forward(matrix<Real> const& x, matrix<Real>& y, step_context const& context) = 0;
  /// Gradient of the input of the last forward pass; adds to the gradients of the parameters.
  virtual void backward(matrix<Real> const& dy, matrix<Real>& dx, step_context const& context) = 0;
};

/// Makes the parts of one block: registers parameters under the block's name, asks the recipe for
/// projections.
template <class Real>
struct block_builder {
  parameters<Real>& registry;
  initializer const& initial;
  projection_factory<Real> const& make_projection;
  extent position;  ///< of the block in the pattern
  extent blocks;    ///< length of the pattern

  std::string full_name(std::string const& part) const {
    return "blocks." + std::to_string(position) + "." + part;
  }

  /// A parameter that weight decay leaves alone: norms, biases, the state space's own numbers.
  parameter<Real>& add(std::string const& part, matrix<Real> value) const {
    return registry.add(full_name(part), std::move(value), false);
  }

  /// A projection; scale multiplies the usual initial deviation.
  std::unique_ptr<projection<Real>> project(std::string const& role, extent outputs, extent inputs,
                                            double scale = 1) const {
    std::string const name = full_name(role + ".weight");
    parameter<Real>& weight =
        registry.add(name, initial.template linear<Real>(name, outputs, inputs, scale), true);
    return make_projection({role, position, blocks}, weight);
  }

  /// The scale for projections that write to the residual stream: their sum over all blocks then
  /// has about the variance of one.
  double residual_scale() const { return 1 / std::sqrt(static_cast<double>(blocks)); }
};

}  // namespace train_lm
