// SPDX-License-Identifier: Apache-2.0
// A run on disk: weights, the optimizer's memory, how far it came and what it counted: enough to go
// on bit for bit.
#pragma once

#include <bit>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "train_lm/adamw.hpp"
#include "train_lm/atomic_file.hpp"
#include "train_lm/fnv1a.hpp"
#include "train_lm/operand_statistics.hpp"
#include "train_lm/safetensors.hpp"

namespace train_lm {

/// What a checkpoint says of the run it belongs to, as text by name: recipe, seed, sizes of the
/// model. A checkpoint continues only a run that says the same.
using run_identity = std::map<std::string, std::string>;

/// A matrix as an FP32 tensor of its own shape.
inline tensor to_tensor(matrix<float> const& value) {
  static_assert(std::endian::native == std::endian::little, "safetensors is little-endian");
  tensor result{
      "F32",
      {static_cast<std::uint64_t>(value.rows()), static_cast<std::uint64_t>(value.cols())},
      std::string(static_cast<std::size_t>(value.size()) * sizeof(float), '\0')};
  std::memcpy(result.bytes.data(), value.data(), result.bytes.size());
  return result;
}

/// Copies the named tensor over a matrix of the same shape.
/// errors  safetensors_error if it is missing or of another shape or type.
inline void from_tensor(tensor_file const& file, std::string const& name, matrix<float>& value) {
  auto const found = file.tensors.find(name);
  if (found == file.tensors.end()) throw safetensors_error("the checkpoint lacks " + name);
  tensor const& from = found->second;
  std::vector<std::uint64_t> const shape{static_cast<std::uint64_t>(value.rows()),
                                         static_cast<std::uint64_t>(value.cols())};
  if (from.dtype != "F32" || from.shape != shape) {
    throw safetensors_error("the checkpoint's " + name + " has another shape or type");
  }
  std::memcpy(value.data(), from.bytes.data(), from.bytes.size());
}

/// Everything of a run that later steps and its results depend on. losses: as many as steps done.
struct run_state {
  parameters<float>& trained;
  adamw<float>& optimizer;
  std::vector<double>& losses;
  operand_statistics& statistics;
  std::uint64_t steps;                                            ///< how many there will be
  std::vector<std::pair<std::string, matrix<float>*>> hook = {};  ///< an optimizer's hook's memory
};

namespace checkpoint_detail {

/// Calls body(name, matrix) for weights under their own names, and for the optimizer's moments with
/// ".mean" and ".square" after them.
template <class Body>
void for_matrices(run_state const& state, Body const& body) {
  std::size_t i = 0;
  for (parameter<float>& each : state.trained) {
    adamw<float>::moments& moments = state.optimizer.state()[i++];
    body(each.name, each.value);
    body(each.name + ".mean", moments.mean);
    body(each.name + ".square", moments.square);
  }
  for (auto const& [name, value] : state.hook) body(name, *value);
}

inline constexpr char const* losses_name = "run.losses";

/// Of every tensor, and of all metadata but the digest itself: a parser sees that a file is cut, but
/// not that a bit of a weight is another one.
inline std::string digest_of(tensor_file const& file) {
  std::uint64_t digest = fnv1a({});
  auto const add = [&digest](std::string const& text) {
    digest = fnv1a(std::to_string(text.size()) + " ", digest);
    digest = fnv1a(text, digest);
  };
  for (auto const& [name, value] : file.metadata) {
    if (name == "digest") continue;
    add(name);
    add(value);
  }
  for (auto const& [name, each] : file.tensors) {
    add(name);
    add(each.dtype);
    for (std::uint64_t const extent : each.shape) add(std::to_string(extent));
    add(each.bytes);
  }
  char text[20];
  std::snprintf(text, sizeof text, "%016" PRIx64, digest);
  return text;
}

}  // namespace checkpoint_detail

/// The file that continues the run.
inline tensor_file make_checkpoint(run_state const& state, run_identity const& identity) {
  tensor_file file;
  file.metadata = identity;
  checkpoint_detail::for_matrices(state, [&](std::string const& name, matrix<float>& value) {
    file.tensors[name] = to_tensor(value);
  });
  tensor losses{"F64", {state.losses.size()}, {}};
  losses.bytes.resize(state.losses.size() * sizeof(double));
  if (!state.losses.empty()) {
    std::memcpy(losses.bytes.data(), state.losses.data(), losses.bytes.size());
  }
  file.tensors[checkpoint_detail::losses_name] = std::move(losses);
  add_statistics(file, state.statistics);
  file.metadata["digest"] = checkpoint_detail::digest_of(file);
  return file;
}

/// Puts the run where the checkpoint left it.
/// errors  safetensors_error, if the checkpoint is damaged or of another run or model; nothing is
///         changed then.
inline void restore_checkpoint(tensor_file const& file, run_state const& state,
                               run_identity const& identity) {
  for (auto const& [key, value] : identity) {
    auto const found = file.metadata.find(key);
    if (found == file.metadata.end()) throw safetensors_error("the checkpoint lacks its " + key);
    if (found->second != value) {
      throw safetensors_error("the checkpoint is of another run: its " + key + " is " +
                              safetensors_detail::printable(found->second) + ", not " +
                              safetensors_detail::printable(value));
    }
  }
  auto const digest = file.metadata.find("digest");
  if (digest == file.metadata.end() || digest->second != checkpoint_detail::digest_of(file))
    throw safetensors_error("the checkpoint is damaged: its digest is not that of its contents");
  operand_statistics const statistics = read_statistics(file);
  std::size_t count = 3;
  checkpoint_detail::for_matrices(state, [&](std::string const& name, matrix<float> const& value) {
    matrix<float> scratch = value;  // reads all before the first is changed
    from_tensor(file, name, scratch);
    ++count;
  });
  auto const losses = file.tensors.find(checkpoint_detail::losses_name);
  if (losses == file.tensors.end() || losses->second.dtype != "F64" ||
      losses->second.shape.size() != 1 || losses->second.shape[0] > state.steps) {
    throw safetensors_error("the checkpoint lacks its losses, one for each step done");
  }
  if (file.tensors.size() != count) {
    throw safetensors_error("the checkpoint holds tensors that the model does not have");
  }
  checkpoint_detail::for_matrices(state, [&](std::string const& name, matrix<float>& value) {
    from_tensor(file, name, value);
  });
  std::string const& bytes = losses->second.bytes;
  state.losses.resize(bytes.size() / sizeof(double));
  if (!bytes.empty()) std::memcpy(state.losses.data(), bytes.data(), bytes.size());
  for (std::size_t i = 0; i < 6; ++i) state.statistics.by_role[i] = statistics.by_role[i];
}

}  // namespace train_lm
