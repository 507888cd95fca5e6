// SPDX-License-Identifier: Apache-2.0
// The two JSON files beside exported weights that tell an engine what is quantized and how.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "nibble/detail/config.hpp"
#include "train_lm/model.hpp"
#include "train_lm/nvfp4_export.hpp"

namespace train_lm {

namespace quantization_config_detail {

using json = nlohmann::ordered_json;

inline json producer() {
  return {{"name", "nibble train_lm"},
          {"version", std::to_string(NIBBLE_VERSION_MAJOR) + "." +
                          std::to_string(NIBBLE_VERSION_MINOR) + "." +
                          std::to_string(NIBBLE_VERSION_PATCH)}};
}

}  // namespace quantization_config_detail

/// hf_quant_config.json, as ModelOpt writes it.
inline std::string format_hf_quant_config(nvfp4_model const& of) {
  using namespace quantization_config_detail;
  json const file{{"producer", producer()},
                  {"quantization",
                   {{"quant_algo", "NVFP4"},
                    {"kv_cache_quant_algo", nullptr},
                    {"group_size", 16},
                    {"exclude_modules", of.kept}}}};
  return file.dump(2) + "\n";
}

/// config.json: the sizes of the model, and the same again as Hugging Face looks for it.
inline std::string format_config(model_config const& config, nvfp4_model const& of) {
  using namespace quantization_config_detail;
  json const format{{"dynamic", false}, {"num_bits", 4}, {"type", "float"}, {"group_size", 16}};
  json const group{
      {"input_activations", format}, {"weights", format}, {"targets", json::array({"Linear"})}};
  json const quantization{{"config_groups", {{"group_0", group}}},
                          {"ignore", of.kept},
                          {"quant_algo", "NVFP4"},
                          {"producer", producer()},
                          {"quant_method", "modelopt"}};
  json const file{{"model_type", "nibble_train_lm"},
                  {"hybrid_override_pattern", config.pattern},
                  {"num_hidden_layers", config.pattern.size()},
                  {"vocab_size", symbols},
                  {"hidden_size", config.width},
                  {"intermediate_size", config.hidden},
                  {"mlp_hidden_act", "relu2"},
                  {"num_attention_heads", config.heads.queries},
                  {"num_key_value_heads", config.heads.keys},
                  {"head_dim", config.heads.head},
                  {"mamba_num_heads", config.scan.heads},
                  {"mamba_head_dim", config.scan.inner / config.scan.heads},
                  {"n_groups", config.scan.groups},
                  {"ssm_state_size", config.scan.state},
                  {"conv_kernel", causal_conv<float>::taps},
                  {"tie_word_embeddings", false},
                  {"torch_dtype", "float32"},
                  {"quantization_config", quantization}};
  return file.dump(2) + "\n";
}

}  // namespace train_lm
