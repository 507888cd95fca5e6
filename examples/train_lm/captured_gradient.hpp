// SPDX-License-Identifier: Apache-2.0
// A gradient as training has them, for figures that would prove little on made-up numbers.
#pragma once

#include <memory>

#include "train_lm/trainer.hpp"

namespace train_lm {

namespace captured_gradient_detail {

/// An exact projection that keeps the last gradient of its output.
class keeping_projection final : public projection<float> {
 public:
  keeping_projection(parameter<float>& weight, matrix<float>& kept) : kept_{kept}, inner_{weight} {}
  void forward(matrix<float> const& x, matrix<float>& y, step_context const& context) override {
    inner_.forward(x, y, context);
  }
  void backward(matrix<float> const& dy, matrix<float>& dx, step_context const& context) override {
    kept_ = dy;
    inner_.backward(dy, dx, context);
  }

 private:
  matrix<float>& kept_;
  exact_projection<float> inner_;
};

}  // namespace captured_gradient_detail

/// The gradient of the output of block 1's W1 after `steps` steps, [tokens, hidden].
inline matrix<float> captured_gradient(text const& lines, std::uint64_t steps,
                                       parallel_for const& parallel) {
  matrix<float> kept;
  projection_factory<float> const keeping =
      [&kept](projection_place const& place,
              parameter<float>& weight) -> std::unique_ptr<projection<float>> {
    if (place.role == "ffn.w1" && place.block == 1)
      return std::make_unique<captured_gradient_detail::keeping_projection>(weight, kept);
    return std::make_unique<exact_projection<float>>(weight);
  };
  training_options options;
  options.steps = steps;
  options.sequences = 2;
  trainer training{{"exact", keeping}, model_config{}, options, lines, parallel};
  run(training, {});
  return kept;
}

}  // namespace train_lm
