// SPDX-License-Identifier: Apache-2.0
// How large the inputs of each projection get: what an engine that quantizes them with a fixed
// tensor scale must know.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>

#include "train_lm/trainer.hpp"

namespace train_lm {

/// Where a projection stands in the model, and the largest magnitude among its inputs.
struct calibrated_projection {
  projection_place place;
  float input_amax = 0;
};

/// By the name of the weight.
using calibration = std::map<std::string, calibrated_projection>;

namespace calibration_detail {

class watching_projection final : public projection<float> {
 public:
  watching_projection(parameter<float>& weight, calibrated_projection& seen)
      : seen_{seen}, inner_{weight} {}
  void forward(matrix<float> const& x, matrix<float>& y, step_context const& context) override {
    seen_.input_amax = std::max(seen_.input_amax, x.cwiseAbs().maxCoeff());
    inner_.forward(x, y, context);
  }
  void backward(matrix<float> const& dy, matrix<float>& dx, step_context const& context) override {
    inner_.backward(dy, dx, context);
  }

 private:
  calibrated_projection& seen_;
  exact_projection<float> inner_;
};

}  // namespace calibration_detail

/// The projections of a model on the batches of its first eight training steps, not quantized.
inline calibration calibrate(model<float> const& trained, text const& lines,
                             training_options const& options, parallel_for const& parallel) {
  calibration result;
  projection_factory<float> const watching = [&result](projection_place const& place,
                                                       parameter<float>& weight) {
    calibrated_projection& seen = result[weight.name];
    seen.place = place;
    return std::make_unique<calibration_detail::watching_projection>(weight, seen);
  };
  model<float> copy{trained.config(), options.seed, watching};
  auto from = trained.trained().begin();
  for (parameter<float>& each : copy.trained()) each.value = (from++)->value;
  for (std::uint64_t step = 0; step < 8; ++step) {
    token_batch const batch =
        lines.training_batch(options.seed, step, options.sequences, options.length);
    copy.loss(batch, {options.seed, step, options.length, false, parallel});
  }
  return result;
}

}  // namespace train_lm
