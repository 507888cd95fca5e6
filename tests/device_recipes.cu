// SPDX-License-Identifier: Apache-2.0
// The linear layer on the device under those recipes of the training example that tests/device leaves
// out: parts of NVIDIA's recipe taken away, put in the wrong place or alone on top of it. Each is a
// minute to compile, so nothing builds them but `cmake --build DIR --target device_recipes`.
#include <doctest/doctest.h>

#include <nibble/recipes/stable_fp4.hpp>

#include "train_lm/ablations.hpp"
#include "train_lm/variants.hpp"

#include "support/device_layer.cuh"

using namespace train_lm;
using fixture::equals_host;

// A part of them, so that compilers can share the work.
#ifndef NIBBLE_PART
#define NIBBLE_PART -1
#endif
#define NIBBLE_RECIPE(part, name) \
  if constexpr (NIBBLE_PART == -1 || NIBBLE_PART == part) equals_host<name>(#name)

namespace {

template <int>
void all() {
  NIBBLE_RECIPE(0, ablations::nvfp4_no_sr);
  NIBBLE_RECIPE(1, ablations::nvfp4_no_hadamard);
  NIBBLE_RECIPE(2, ablations::nvfp4_1d_weights);
  NIBBLE_RECIPE(3, ablations::nvfp4_sr_activations);
  NIBBLE_RECIPE(4, ablations::nvfp4_no_tensor_scale);
  NIBBLE_RECIPE(5, ablations::mxfp4_nearest);
  NIBBLE_RECIPE(6, nibble::with_bf16_forward<nibble::recipes::nvfp4>);
  NIBBLE_RECIPE(7, variants::nvfp4_mixed);
  NIBBLE_RECIPE(8, variants::nvfp4_augmented);
  NIBBLE_RECIPE(9, variants::nvfp4_differentiable);
  NIBBLE_RECIPE(10, nibble::recipes::stable_fp4);
}

}  // namespace

TEST_CASE("y, dx and dW of the training example's other recipes are the host's, byte for byte") {
  if (!fixture::has_device()) return;
  all<0>();
}
