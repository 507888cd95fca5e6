// SPDX-License-Identifier: Apache-2.0
// Weights to NVFP4, tensor by tensor.
#pragma once

#include <fnmatch.h>

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "convert/checkpoint.hpp"
#include "convert/conventions.hpp"
#include "nibble/interop/compressed_tensors.hpp"
#include "nibble/interop/modelopt.hpp"
#include "nibble/matrix.hpp"

namespace convert {

/// What a caller hears while a conversion goes on.
struct listener {
  /// A tensor is done: its name, and for a quantized one its extents and what was lost.
  std::function<void(std::string const&, std::uint64_t, std::uint64_t, nibble::error_report const&)>
      quantized = [](auto const&...) {};
  /// So many of so many bytes are read. It may throw, to stop.
  std::function<void(std::uint64_t, std::uint64_t)> progress = [](auto...) {};
};

struct pack_options {
  convention names = convention::modelopt;
  /// Tensors that stay as they are: shell patterns.
  std::vector<std::string> keep{"*embed*", "*lm_head*", "*norm*"};
  nibble::threads parallel{};
};

/// The layer whose weight this is, or nothing where the tensor stays as it is.
/// rule    LAYER.weight of F32, BF16 or F16, two extents, columns a multiple of 16, that no pattern
///         keeps.
[[nodiscard]] inline std::optional<std::string> layer_to_pack(std::string const& name,
                                                              train_lm::tensor_place const& place,
                                                              pack_options const& options) {
  constexpr std::string_view suffix = ".weight";
  bool const is_weight = name.size() > suffix.size() && name.ends_with(suffix) &&
                         (place.dtype == "F32" || place.dtype == "BF16" || place.dtype == "F16");
  if (!is_weight || place.shape.size() != 2 || place.shape[1] % 16 != 0 || place.end == place.begin)
    return std::nullopt;
  for (std::string const& pattern : options.keep)
    if (::fnmatch(pattern.c_str(), name.c_str(), 0) == 0) return std::nullopt;
  return name.substr(0, name.size() - suffix.size());
}

namespace pack_detail {

template <class Quantizer, class T>
nibble::error_report pack_as(checkpoint const& from, std::string const& name,
                             part_names const& parts, nibble::threads const& parallel,
                             float outer(nibble::tensor_amax), new_checkpoint& to) {
  auto const& place = *from.find(name);
  auto values = from.elements<T>(place);
  auto const view = *nibble::make_matrix_view(cuda::std::span<T>(values.data(), values.size()),
                                              static_cast<nibble::matrix_index>(place.shape[0]),
                                              static_cast<nibble::matrix_index>(place.shape[1]));
  auto const made = nibble::quantized(view, Quantizer{}, parallel);
  auto const report = nibble::compare(view, made.view(), Quantizer{}, parallel);
  float const amax = made.amax()[0];
  if (report.nan_count > 0 || !(amax <= nibble::detail::largest_float)) {
    throw std::runtime_error("the tensor " + name +
                             " holds NaN or infinity; keep it as it is, or mend it");
  }
  to.write(parts.codes, made.code_bytes());
  to.write(parts.scales, made.scales());
  to.write(parts.outer, std::vector<float>{outer({amax})});
  return report;
}

template <class T>
nibble::error_report pack_tensor(checkpoint const& from, std::string const& name, convention names,
                                 part_names const& parts, nibble::threads const& parallel,
                                 new_checkpoint& to) {
  namespace modelopt = nibble::interop::modelopt;
  namespace compressed_tensors = nibble::interop::compressed_tensors;
  if (names == convention::modelopt)
    return pack_as<modelopt::weights, T>(
        from, name, parts, parallel,
        [](nibble::tensor_amax a) { return modelopt::weight_scale_2(a).value; }, to);
  return pack_as<compressed_tensors::weights<T>, T>(
      from, name, parts, parallel,
      [](nibble::tensor_amax a) { return compressed_tensors::weight_global_scale<T>(a).value; }, to);
}

}  // namespace pack_detail

/// Writes a checkpoint whose linear layers are NVFP4, all else as it was.
///
/// shape   for each layer: codes U8 [rows, columns / 2], scales F8_E4M3 [rows, columns / 16], the
///         outer scale F32; named and computed by the convention.
/// errors  train_lm::safetensors_error for a malformed file, std::runtime_error where there is
///         nothing to quantize, a name is taken or a weight is not finite.
/// bits    those of ModelOpt 0.47 and compressed-tensors 0.20.
inline void pack(source const& input, sink& output, pack_options const& options,
                 listener const& tell = {}) {
  checkpoint const from{input};
  new_checkpoint to;
  std::map<std::string, part_names> layers;
  for (auto const& [name, place] : from.layout().tensors) {
    auto const layer = layer_to_pack(name, place, options);
    if (!layer) {
      to.add(name, place.dtype, place.shape);
      continue;
    }
    part_names const parts = names_of(options.names, *layer);
    to.add(parts.codes, "U8", {place.shape[0], place.shape[1] / 2});
    to.add(parts.scales, "F8_E4M3", {place.shape[0], place.shape[1] / 16});
    to.add(parts.outer, "F32", outer_shape(options.names));
    layers[name] = parts;
  }
  if (layers.empty()) throw std::runtime_error("there is no weight to quantize");
  for (auto const& [key, value] : from.layout().metadata) to.describe(key, value);
  if (!from.layout().metadata.count("format")) to.describe("format", "pt");
  to.begin(output);

  std::uint64_t done = 0;
  for (std::string const& name : from.names()) {
    auto const& place = *from.find(name);
    auto const found = layers.find(name);
    if (found == layers.end()) {
      copy_tensor(from, name, to);
    } else {
      auto const pack_it = place.dtype == "F32"    ? pack_detail::pack_tensor<float>
                           : place.dtype == "BF16" ? pack_detail::pack_tensor<nibble::bf16>
                                                   : pack_detail::pack_tensor<nibble::fp16>;
      tell.quantized(name, place.shape[0], place.shape[1],
                     pack_it(from, name, options.names, found->second, options.parallel, to));
    }
    done += place.end - place.begin;
    tell.progress(done, input.size());
  }
}

}  // namespace convert
