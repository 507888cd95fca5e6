// SPDX-License-Identifier: Apache-2.0
// What the two conventions call the parts of a quantized weight.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace convert {

enum class convention {
  modelopt,            // weight, weight_scale, weight_scale_2 (a multiplier)
  compressed_tensors,  // weight_packed, weight_scale, weight_global_scale (a divisor)
};

/// The names of the parts of one layer's weight.
struct part_names {
  std::string codes, scales, outer;
};

[[nodiscard]] inline part_names names_of(convention which, std::string const& layer) {
  if (which == convention::modelopt)
    return {layer + ".weight", layer + ".weight_scale", layer + ".weight_scale_2"};
  return {layer + ".weight_packed", layer + ".weight_scale", layer + ".weight_global_scale"};
}

/// The shape of the outer scale: ModelOpt's is a scalar, that of compressed-tensors has one element.
[[nodiscard]] inline std::vector<std::uint64_t> outer_shape(convention which) {
  if (which == convention::modelopt) return {};
  return {1};
}

}  // namespace convert
