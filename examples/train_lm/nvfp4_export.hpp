// SPDX-License-Identifier: Apache-2.0
// Trained weights as an inference engine wants them: packed NVFP4 by the names and types of
// NVIDIA's ModelOpt, which its Hugging Face checkpoints use.
#pragma once

#include <cstring>

#include "nibble/quantize.hpp"
#include "nibble/recipes/nvfp4.hpp"
#include "train_lm/checkpoint.hpp"
#include "train_lm/model.hpp"
#include "train_lm/quantized_projection.hpp"
#include "train_lm/safetensors.hpp"

namespace train_lm {

/// What quantizes the exported weights: that of the forward pass, 16x16 tiles.
using exported_weights = nibble::recipes::nvfp4_parts::weights;

namespace nvfp4_export_detail {

template <class Bytes>
std::string as_bytes(Bytes const& values) {
  static_assert(sizeof(values[0]) == 1);
  std::string result(values.size(), '\0');
  if (!values.empty()) std::memcpy(result.data(), values.data(), values.size());
  return result;
}

}  // namespace nvfp4_export_detail

/// Adds a weight to a file under ModelOpt's three names.
/// shape   NAME.weight: U8 [outputs, inputs / 2], the even element in the low half of a byte;
///         NAME.weight_scale: F8_E4M3 [outputs, inputs / 16]; NAME.weight_scale_2: F32, a scalar
/// units   an element is code * (weight_scale * weight_scale_2)
/// rule    weight_scale_2 = amax / (6 * 448); inputs is a multiple of 16
inline void add_nvfp4(tensor_file& to, std::string const& name, matrix<float> const& weight) {
  auto const quantized = nibble::quantized(view_of(weight), exported_weights{}, nibble::threads{1});
  auto const rows = static_cast<std::uint64_t>(weight.rows());
  auto const columns = static_cast<std::uint64_t>(weight.cols());
  float const scale = quantized.amax()[0] / (6.0f * 448.0f);
  std::string scale_bytes(sizeof scale, '\0');
  std::memcpy(scale_bytes.data(), &scale, sizeof scale);
  using nvfp4_export_detail::as_bytes;
  to.tensors[name] = {"U8", {rows, columns / 2}, as_bytes(quantized.code_bytes())};
  to.tensors[name + "_scale"] = {"F8_E4M3", {rows, columns / 16}, as_bytes(quantized.scales())};
  to.tensors[name + "_scale_2"] = {"F32", {}, scale_bytes};
}

/// All weights of a model: those that the recipe's plan quantizes in NVFP4, all others in FP32.
inline tensor_file export_nvfp4(model<float> const& from) {
  tensor_file file;
  std::string excluded;
  std::string const& pattern = from.config().pattern;
  for (parameter<float> const& each : from.trained()) {
    bool is_quantized = false;
    for (char const* const role : {"mamba.in_proj", "mamba.out_proj", "ffn.w1", "ffn.w2",
                                   "attention.qkv", "attention.out"}) {
      for (std::size_t block = 0; block < pattern.size(); ++block) {
        projection_place const place{role, static_cast<extent>(block),
                                     static_cast<extent>(pattern.size())};
        is_quantized = is_quantized ||
                       (each.name == "blocks." + std::to_string(block) + "." + role + ".weight" &&
                        !nibble::recipes::nvfp4::plan.keeps_high_precision(place_in_plan(place)));
      }
    }
    if (is_quantized) {
      add_nvfp4(file, each.name, each.value);
    } else {
      file.tensors[each.name] = to_tensor(each.value);
      excluded += (excluded.empty() ? "" : " ") + each.name;
    }
  }
  file.metadata = {{"quant_algo", "NVFP4"},
                   {"group_size", "16"},
                   {"convention", "ModelOpt: weight, weight_scale, weight_scale_2"},
                   {"dequantize", "code * (weight_scale * weight_scale_2)"},
                   {"pattern", pattern},
                   {"not_quantized", excluded},
                   {"producer", "nibble train_lm"}};
  return file;
}

}  // namespace train_lm
