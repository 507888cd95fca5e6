// SPDX-License-Identifier: Apache-2.0
// nibble::linear as an operator: what the tests compare nibble_torch with.
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>
#include <torch/library.h>

#include "nibble/linear.hpp"
#include "recipes.hpp"

namespace {

using at::Tensor;
using result = std::tuple<Tensor, Tensor, Tensor>;

auto view(Tensor const& t) {
  return *nibble::make_matrix_view(
      cuda::std::span<float>(t.mutable_data_ptr<float>(), static_cast<std::size_t>(t.numel())),
      t.size(0), t.size(1));
}

template <class Recipe>
result step(Tensor const& x, Tensor const& w, Tensor const& dy, nibble::layer_key key) {
  Tensor y = at::empty_like(dy), dx = at::empty_like(x), dw = at::zeros_like(w);
  nibble::linear<Recipe, nibble::product::exact> layer;
  layer.forward(view(x), view(w), view(y), key);
  layer.backward(view(dy), view(dx), view(dw), key);
  return {y, dx, dw};
}

/// One pass forward and backward with exact products, for contiguous floats.
result linear(Tensor const& x, Tensor const& w, Tensor const& dy, std::int64_t seed,
              std::int64_t layer, std::int64_t at_step, std::string const& recipe) {
  nibble::layer_key const key{static_cast<std::uint64_t>(seed), static_cast<std::uint32_t>(layer),
                              static_cast<std::uint64_t>(at_step)};
  namespace known = nibble_torch::recipes;
  if (recipe == "nvfp4") return step<known::nvfp4>(x, w, dy, key);
  if (recipe == "fp8") return step<known::fp8>(x, w, dy, key);
  if (recipe == "mxfp4") return step<known::mxfp4>(x, w, dy, key);
  if (recipe == "quartet2") return step<known::quartet2>(x, w, dy, key);
  if (recipe == "nvfp4_sr_forward") return step<known::nvfp4_sr_forward>(x, w, dy, key);
  throw std::invalid_argument("no reference for recipe '" + recipe + "'");
}

}  // namespace

TORCH_LIBRARY(nibble_reference, m) {
  m.def(
      "linear(Tensor x, Tensor weight, Tensor dy, int seed, int layer, int step, str recipe) -> "
      "(Tensor y, Tensor dx, Tensor dw)");
}
TORCH_LIBRARY_IMPL(nibble_reference, CPU, m) { m.impl("linear", linear); }
