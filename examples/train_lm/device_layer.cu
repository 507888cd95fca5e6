// SPDX-License-Identifier: Apache-2.0
// The example's linear layers on the GPU, through nibble::device::linear. Tensors come from the host
// and go back to it at every call: the rest of the model stays there.
#include <stdexcept>
#include <utility>

#include <nibble/device/linear.cuh>
#include <nibble/recipes/bf16.hpp>
#include <nibble/recipes/fp8.hpp>
#include <nibble/recipes/nvfp4.hpp>

#include "train_lm/device_layer.hpp"

namespace train_lm {
namespace {

using nibble::matrix_index;
using nibble::product;

void require(cudaError_t status, char const* what) {
  if (status == cudaSuccess) return;
  throw std::runtime_error(std::string(what) + " on the GPU: " + cudaGetErrorString(status));
}
void require(nibble::device::status status, char const* what) {
  if (status == nibble::device::status::success) return;
  throw std::runtime_error(std::string(what) + " on the GPU: " + to_string(status));
}

/// One handle for all layers.
nibble::cublas::handle const& library() {
  static nibble::cublas::handle const handle;
  require(handle.state(), "cuBLASLt");
  return handle;
}

/// Device memory that grows as it is asked for more.
class buffer {
 public:
  buffer() = default;
  buffer(buffer const&) = delete;
  buffer& operator=(buffer const&) = delete;
  ~buffer() { cudaFree(data_); }

  void* of(std::size_t bytes) {
    if (bytes > bytes_) {
      require(cudaFree(std::exchange(data_, nullptr)), "freeing memory");
      bytes_ = 0;
      require(cudaMalloc(&data_, bytes), "taking memory");
      bytes_ = bytes;
    }
    return data_;
  }
  nibble::device::workspace workspace(std::size_t bytes) { return {of(bytes), bytes}; }
  /// As a matrix of floats.
  nibble::matrix_view<float> matrix(matrix_index rows, matrix_index columns) {
    auto const count = static_cast<std::size_t>(rows * columns);
    cuda::std::span<float> const values(static_cast<float*>(of(count * sizeof(float))), count);
    return *nibble::make_matrix_view(values, rows, columns);
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

void upload(nibble::matrix_view<float> const& to, float const* from) {
  auto const bytes = static_cast<std::size_t>(to.extent(0) * to.extent(1)) * sizeof(float);
  require(cudaMemcpy(to.data_handle(), from, bytes, cudaMemcpyHostToDevice), "copying");
}
void download(float* to, nibble::matrix_view<float> const& from) {
  auto const bytes = static_cast<std::size_t>(from.extent(0) * from.extent(1)) * sizeof(float);
  require(cudaMemcpy(to, from.data_handle(), bytes, cudaMemcpyDeviceToHost), "calculating");
}

/// What the layers share, since one calculates at a time.
struct shared_memory {
  buffer scratch, x, w, y, gradient;
};
shared_memory& shared() {
  static shared_memory memory;
  return memory;
}

template <class Recipe, product Mode>
class layer final : public device_layer {
 public:
  layer(matrix_index inputs, matrix_index outputs) : inputs_{inputs}, outputs_{outputs} {}

  void forward(float const* x, std::int64_t tokens, float const* w, float* y, key at,
               bool backward_follows) override {
    linear made({tokens, inputs_, outputs_});
    auto const in = shared().x.matrix(tokens, inputs_),
               weight = shared().w.matrix(outputs_, inputs_),
               out = shared().y.matrix(tokens, outputs_);
    upload(in, x);
    upload(weight, w);
    auto const scratch = shared().scratch.workspace(made.workspace_bytes(library()));
    nibble::layer_key const drawn{at.seed, at.layer, at.step};
    if (backward_follows) {
      linear_ = made;
      tokens_ = tokens;
      require(linear_.forward(library(), stream, scratch, kept_.workspace(linear_.kept_bytes()), in,
                              weight, out, drawn),
              "forward");
    } else {
      require(made.infer(library(), stream, scratch, in, weight, out, drawn), "infer");
    }
    download(y, out);
  }

  void backward(float const* dy, float* dx, float* dw, key at) override {
    auto const dy_view = shared().y.matrix(tokens_, outputs_),
               dx_view = shared().x.matrix(tokens_, inputs_),
               dw_view = shared().gradient.matrix(outputs_, inputs_);
    upload(dy_view, dy);
    upload(dw_view, dw);
    require(linear_.backward(library(), stream,
                             shared().scratch.workspace(linear_.workspace_bytes(library())),
                             kept_.workspace(linear_.kept_bytes()), dy_view, dx_view, dw_view,
                             {at.seed, at.layer, at.step}),
            "backward");
    download(dx, dx_view);
    download(dw, dw_view);
  }

 private:
  using linear = nibble::device::linear<Recipe, Mode>;
  static inline cuda::stream_ref const stream{cudaStream_t{}};

  matrix_index inputs_, outputs_, tokens_ = 0;
  linear linear_{{0, 0, 0}};
  buffer kept_;
};

template <class Recipe>
std::unique_ptr<device_layer> make(bool is_exact, matrix_index inputs, matrix_index outputs) {
  if (is_exact) return std::make_unique<layer<Recipe, product::exact>>(inputs, outputs);
  return std::make_unique<layer<Recipe, product::fast>>(inputs, outputs);
}

}  // namespace

std::string why_no_device() {
  int count = 0;
  cudaError_t const status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) return std::string("no CUDA device: ") + cudaGetErrorString(status);
  return count > 0 ? "" : "no CUDA device";
}

std::unique_ptr<device_layer> make_device_layer(std::string const& recipe, bool is_exact,
                                                std::int64_t inputs, std::int64_t outputs) {
  if (std::string const why = why_no_device(); !why.empty()) throw std::runtime_error(why);
  if (recipe == "bf16") return make<nibble::recipes::bf16>(is_exact, inputs, outputs);
  if (recipe == "fp8") return make<nibble::recipes::fp8>(is_exact, inputs, outputs);
  if (recipe == "nvfp4") return make<nibble::recipes::nvfp4>(is_exact, inputs, outputs);
  throw std::invalid_argument("recipe '" + recipe +
                              "' has no layers on the GPU here; bf16, fp8 and nvfp4 have");
}

}  // namespace train_lm
