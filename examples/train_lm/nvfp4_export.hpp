// SPDX-License-Identifier: Apache-2.0
// Trained weights as an inference engine wants them: packed NVFP4 by the names and types of
// NVIDIA's ModelOpt, which its Hugging Face checkpoints use.
#pragma once

#include <cstring>

#include "nibble/quantize.hpp"
#include "nibble/recipes/nvfp4.hpp"
#include "train_lm/calibration.hpp"
#include "train_lm/quantized_projection.hpp"

namespace train_lm {

/// What quantizes the exported weights: that of the forward pass, 16x16 tiles.
using exported_weights = nibble::recipes::nvfp4_parts::weights;

namespace nvfp4_export_detail {

template <class Bytes>
std::string as_bytes(Bytes const& values) {
  static_assert(sizeof(values[0]) == 1);
  return {reinterpret_cast<char const*>(values.data()), values.size()};
}

/// The number that turns code x block scale into a value: amax / (6 x 448). Of zeros any number
/// would do; it must be one that can be divided by, so they count as if 6 were the largest.
inline tensor tensor_scale(float amax) {
  float const scale = (amax > 0 ? amax : 6.0f) / (6.0f * 448.0f);
  return {"F32", {}, {reinterpret_cast<char const*>(&scale), sizeof scale}};
}

}  // namespace nvfp4_export_detail

/// Adds a layer to a file under ModelOpt's four names.
/// shape   LAYER.weight: U8 [outputs, inputs / 2], the even element in the low half of a byte;
///         LAYER.weight_scale: F8_E4M3 [outputs, inputs / 16]; LAYER.weight_scale_2 and
///         LAYER.input_scale: F32, scalars
/// units   an element is code x (weight_scale x weight_scale_2); an input is as much, with
///         input_scale and block scales that the engine finds
/// rule    weight_scale_2 = amax / (6 x 448), and so input_scale; inputs is a multiple of 16
inline void add_nvfp4(tensor_file& to, std::string const& layer, matrix<float> const& weight,
                      float input_amax) {
  using namespace nvfp4_export_detail;
  auto const quantized = nibble::quantized(view_of(weight), exported_weights{}, nibble::threads{1});
  auto const rows = static_cast<std::uint64_t>(weight.rows());
  auto const columns = static_cast<std::uint64_t>(weight.cols());
  to.tensors[layer + ".weight"] = {"U8", {rows, columns / 2}, as_bytes(quantized.code_bytes())};
  to.tensors[layer + ".weight_scale"] = {
      "F8_E4M3", {rows, columns / 16}, as_bytes(quantized.scales())};
  to.tensors[layer + ".weight_scale_2"] = tensor_scale(quantized.amax()[0]);
  to.tensors[layer + ".input_scale"] = tensor_scale(input_amax);
}

/// A model in NVFP4.
struct nvfp4_model {
  tensor_file weights;
  std::vector<std::string> kept;  ///< modules whose weight stays in FP32, in the model's order
};

/// All weights of a model: projections that NVIDIA's recipe quantizes in NVFP4, whatever the model
/// was trained with, so that exports differ in their numbers alone; all others in FP32.
inline nvfp4_model export_nvfp4(model<float> const& from, calibration const& projections) {
  nvfp4_model result;
  for (parameter<float> const& each : from.trained()) {
    std::size_t const module_end = each.name.rfind(".weight");
    std::string const module = each.name.substr(0, module_end);
    auto const found = projections.find(each.name);
    if (found != projections.end() &&
        !nibble::recipes::nvfp4::plan.keeps_high_precision(place_in_plan(found->second.place))) {
      add_nvfp4(result.weights, module, each.value, found->second.input_amax);
      continue;
    }
    result.weights.tensors[each.name] = to_tensor(each.value);
    if (module_end != std::string::npos) result.kept.push_back(module);
  }
  result.weights.metadata["format"] = "pt";
  return result;
}

}  // namespace train_lm
