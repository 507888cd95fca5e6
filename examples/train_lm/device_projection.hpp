// SPDX-License-Identifier: Apache-2.0
// A projection whose products a GPU calculates; the same numbers as quantized_projection's, bit for
// bit where products are exact.
#pragma once

#include <memory>
#include <string>

#include "nibble/recipes/nvfp4.hpp"
#include "train_lm/device_layer.hpp"
#include "train_lm/quantized_projection.hpp"
#include "train_lm/trainer.hpp"

namespace train_lm {

class device_projection final : public projection<float> {
 public:
  device_projection(parameter<float>& weight, std::uint32_t layer, std::string const& recipe,
                    bool is_exact)
      : weight_{weight},
        layer_{layer},
        device_{make_device_layer(recipe, is_exact, weight.value.cols(), weight.value.rows())} {}

  void forward(matrix<float> const& x, matrix<float>& y, step_context const& context) override {
    y.resize(x.rows(), weight_.value.rows());
    device_->forward(x.data(), x.rows(), weight_.value.data(), y.data(), key(context),
                     context.training);
  }
  void backward(matrix<float> const& dy, matrix<float>& dx, step_context const& context) override {
    dx.resize(dy.rows(), weight_.value.cols());
    device_->backward(dy.data(), dx.data(), weight_.gradient.data(), key(context));
  }

 private:
  device_layer::key key(step_context const& context) const {
    return {context.seed, layer_, context.step};
  }

  parameter<float>& weight_;
  std::uint32_t layer_;
  std::unique_ptr<device_layer> device_;
};

/// A recipe whose projections a GPU calculates; layers that its plan keeps in high precision become
/// bf16. A checkpoint of exact products may go on without a GPU, and the other way round.
/// errors  std::invalid_argument, when a model is made of it, for a recipe that has no layers on the
///         GPU.
inline recipe make_device_recipe(std::string const& name, nibble::product mode) {
  bool const is_exact = mode == nibble::product::exact;
  nibble::precision_plan const plan =
      name == "nvfp4" ? nibble::recipes::nvfp4::plan : nibble::precision_plan{};
  recipe result{name,
                [=](projection_place const& place, parameter<float>& weight) {
                  nibble::layer_place const where = place_in_plan(place);
                  auto const layer =
                      static_cast<std::uint32_t>(where.block * 8 + static_cast<int>(where.role));
                  return std::make_unique<device_projection>(
                      weight, layer, plan.keeps_high_precision(where) ? "bf16" : name, is_exact);
                },
                is_exact ? "exact" : "fast, on a GPU"};
  return result;
}

}  // namespace train_lm
