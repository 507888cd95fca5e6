// SPDX-License-Identifier: Apache-2.0
// A linear layer on the GPU as the training example sees it: plain arrays on the host, so that the
// part that nvcc compiles knows nothing of Eigen, and the rest nothing of CUDA.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace train_lm {

/// The three products of y = x W^T, calculated on the GPU from arrays on the host and back to them.
///
/// shape   x: tokens x inputs, w: outputs x inputs, y: tokens x outputs; rows one after the other.
/// errors  std::runtime_error that says which call failed.
/// bits    with exact products: those of nibble::linear on the host.
class device_layer {
 public:
  virtual ~device_layer() = default;
  /// Which random numbers a call draws: see nibble::layer_key.
  struct key {
    std::uint64_t seed;
    std::uint32_t layer;
    std::uint64_t step;
  };
  /// y = x W^T; what a backward needs is kept if one will follow.
  virtual void forward(float const* x, std::int64_t tokens, float const* w, float* y, key at,
                       bool backward_follows) = 0;
  /// dx = dy W and dw += dy^T x.
  virtual void backward(float const* dy, float* dx, float* dw, key at) = 0;
};

/// Why nothing can be calculated on a GPU here; empty where it can.
std::string why_no_device();

/// Layers that a GPU calculates under a recipe.
/// errors  std::invalid_argument for a recipe that has no layers on the GPU, std::runtime_error
///         where there is no GPU.
std::unique_ptr<device_layer> make_device_layer(std::string const& recipe, bool is_exact,
                                                std::int64_t inputs, std::int64_t outputs);

}  // namespace train_lm
