// SPDX-License-Identifier: Apache-2.0
// NVFP4 weights of either convention back to floats.
#pragma once

#include "convert/pack.hpp"

namespace convert {

/// A quantized weight in a checkpoint, its parts checked.
struct packed_layer {
  convention names;
  part_names parts;
  nibble::matrix_index rows, columns;
};

/// The quantized weights of a checkpoint, by layer.
/// rule    a layer is one whose outer scale is there under either convention's name.
/// errors  std::runtime_error where a part is missing or does not fit the others.
[[nodiscard]] inline std::map<std::string, packed_layer> packed_layers(checkpoint const& from) {
  std::map<std::string, packed_layer> result;
  for (convention const names : {convention::modelopt, convention::compressed_tensors}) {
    std::string const suffix = names_of(names, "").outer;
    for (auto const& [name, place] : from.layout().tensors) {
      if (!name.ends_with(suffix)) continue;
      std::string const layer = name.substr(0, name.size() - suffix.size());
      part_names const parts = names_of(names, layer);
      auto const* const codes = from.find(parts.codes);
      auto const* const scales = from.find(parts.scales);
      bool const fits = codes != nullptr && scales != nullptr && codes->dtype == "U8" &&
                        scales->dtype == "F8_E4M3" && place.dtype == "F32" &&
                        place.end - place.begin == 4 && codes->shape.size() == 2 &&
                        codes->end > codes->begin && codes->shape[1] % 8 == 0 &&
                        scales->shape == std::vector{codes->shape[0], codes->shape[1] / 8};
      if (!fits)
        throw std::runtime_error("the parts of the layer " + layer + " do not fit each other");
      bool const is_new =
          result
              .emplace(layer, packed_layer{names, parts,
                                           static_cast<nibble::matrix_index>(codes->shape[0]),
                                           static_cast<nibble::matrix_index>(2 * codes->shape[1])})
              .second;
      if (!is_new) throw std::runtime_error("the layer " + layer + " is there by two conventions");
    }
  }
  return result;
}

namespace unpack_detail {

template <class Stored, class T>
void unpack_as(checkpoint const& from, packed_layer const& layer, nibble::threads const& parallel,
               std::string const& name, new_checkpoint& to) {
  auto codes = from.elements<std::uint8_t>(*from.find(layer.parts.codes));
  auto scales = from.elements<nibble::fp8_e4m3>(*from.find(layer.parts.scales));
  auto outer = from.elements<float>(*from.find(layer.parts.outer));
  if (!(outer[0] > 0 && outer[0] <= nibble::detail::largest_float))
    throw std::runtime_error(layer.parts.outer + " is no positive number");
  // Above 0x7E are NaN and all negative scales, which no convention means.
  if (std::any_of(scales.begin(), scales.end(), [](auto scale) { return scale.bits() > 0x7E; }))
    throw std::runtime_error(layer.parts.scales + " holds NaN or a negative scale");
  auto const shape = nibble::shape_for<Stored>(layer.rows, layer.columns);
  auto const view = *nibble::make_quantized_view<nibble::nvfp4_block, cuda::std::layout_right>(
      cuda::std::span<std::uint8_t>(codes.data(), codes.size()),
      cuda::std::span<nibble::fp8_e4m3>(scales.data(), scales.size()),
      cuda::std::span<float>(outer.data(), 1), shape);
  std::vector<T> values(2 * codes.size());
  auto const result = *nibble::make_matrix_view(cuda::std::span<T>(values.data(), values.size()),
                                                layer.rows, layer.columns);
  nibble::dequantize(view, result, Stored{}, nibble::domain::original, parallel);
  to.write(name, values);
}

template <class T>
void unpack_layer(checkpoint const& from, packed_layer const& layer,
                  nibble::threads const& parallel, std::string const& name, new_checkpoint& to) {
  namespace interop = nibble::interop;
  if (layer.names == convention::modelopt) {
    unpack_as<interop::modelopt::stored, T>(from, layer, parallel, name, to);
  } else {
    unpack_as<interop::compressed_tensors::stored, T>(from, layer, parallel, name, to);
  }
}

}  // namespace unpack_detail

/// Writes a checkpoint whose quantized weights are floats again, all else as it was.
///
/// shape   dtype: F32, BF16 or F16.
/// rule    in the order of operations of the convention, then one rounding to dtype.
/// errors  train_lm::safetensors_error for a malformed file, std::runtime_error where there is no
///         quantized weight, its parts do not fit, or a scale is no positive number.
inline void unpack(source const& input, sink& output, std::string const& dtype,
                   nibble::threads const& parallel = {}, listener const& tell = {}) {
  checkpoint const from{input};
  auto const layers = packed_layers(from);
  if (layers.empty()) throw std::runtime_error("there is no NVFP4 weight");
  new_checkpoint to;
  std::map<std::string, std::string> layer_of_codes;
  std::set<std::string> parts;
  for (auto const& [layer, each] : layers) {
    layer_of_codes[each.parts.codes] = layer;
    parts.insert({each.parts.codes, each.parts.scales, each.parts.outer});
    to.add(layer + ".weight", dtype,
           {static_cast<std::uint64_t>(each.rows), static_cast<std::uint64_t>(each.columns)});
  }
  for (auto const& [name, place] : from.layout().tensors)
    if (!parts.count(name)) to.add(name, place.dtype, place.shape);
  for (auto const& [key, value] : from.layout().metadata) to.describe(key, value);
  to.begin(output);

  std::uint64_t done = 0;
  for (std::string const& name : from.names()) {
    if (!parts.count(name)) copy_tensor(from, name, to);
    if (auto const found = layer_of_codes.find(name); found != layer_of_codes.end()) {
      auto const unpack_it = dtype == "F32"    ? unpack_detail::unpack_layer<float>
                             : dtype == "BF16" ? unpack_detail::unpack_layer<nibble::bf16>
                                               : unpack_detail::unpack_layer<nibble::fp16>;
      unpack_it(from, layers.at(found->second), parallel, found->second + ".weight", to);
    }
    done += from.find(name)->end - from.find(name)->begin;
    tell.progress(done, input.size());
  }
}

}  // namespace convert
