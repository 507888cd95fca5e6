// SPDX-License-Identifier: Apache-2.0
// One training step of a linear layer on the GPU, under NVIDIA's recipe, and the same step on the host.
//
//   nvcc -std=c++20 -arch=sm_90a -I include examples/linear_on_device.cu -lcublasLt
#include <thrust/device_vector.h>
#include <thrust/host_vector.h>

#include <cstdio>
#include <cstring>

#include <nibble/device/linear.cuh>
#include <nibble/recipes/nvfp4.hpp>

using namespace nibble;

namespace {

constexpr device::linear_shape shape{128, 256, 64};  // tokens, inputs, outputs
constexpr layer_key key{1, 0, 0};                    // seed, layer, step

/// The same view of a vector on either side.
template <class Vector>
matrix_view<float> view(Vector& v, matrix_index rows, matrix_index columns) {
  return *make_matrix_view(cuda::std::span<float>(thrust::raw_pointer_cast(v.data()), v.size()),
                           rows, columns);
}

thrust::host_vector<float> numbers(matrix_index count, std::uint64_t stream) {
  random::philox4x32<> const source{7, stream};
  thrust::host_vector<float> result(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = static_cast<float>(source(i).value[0] >> 8) * 0x1p-23f - 1;
  }
  return result;
}

bool is_done(device::status s, char const* what) {
  if (s != device::status::success) std::printf("%s: %s\n", what, to_string(s));
  return s == device::status::success;
}

template <class T>
bool are_equal(thrust::host_vector<T> const& a, thrust::device_vector<T> const& b) {
  thrust::host_vector<T> const copy = b;
  return std::memcmp(a.data(), copy.data(), a.size() * sizeof(T)) == 0;
}

}  // namespace

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("no CUDA device");
    return 0;
  }
  auto const [tokens, inputs, outputs] = shape;
  auto x = numbers(tokens * inputs, 1), w = numbers(outputs * inputs, 2),
       dy = numbers(tokens * outputs, 3), y = numbers(tokens * outputs, 4),
       dx = numbers(tokens * inputs, 5), dw = numbers(outputs * inputs, 6);
  thrust::device_vector<float> on_x = x, on_w = w, on_dy = dy, on_y = y, on_dx = dx, on_dw = dw;

  // Once: a handle, and for each layer the memory that lasts from forward to backward.
  cublas::handle const handle;
  device::linear<recipes::nvfp4, product::exact> layer(shape);
  thrust::device_vector<std::uint8_t> kept(layer.kept_bytes()),
      scratch(layer.workspace_bytes(handle));
  device::workspace const k{thrust::raw_pointer_cast(kept.data()), kept.size()};
  device::workspace const s{thrust::raw_pointer_cast(scratch.data()), scratch.size()};

  // Each step: two calls, asynchronous on a stream.
  cuda::stream_ref const stream{cudaStream_t{}};
  if (!is_done(layer.forward(handle, stream, s, k, view(on_x, tokens, inputs),
                             view(on_w, outputs, inputs), view(on_y, tokens, outputs), key),
               "forward") ||
      !is_done(layer.backward(handle, stream, s, k, view(on_dy, tokens, outputs),
                              view(on_dx, tokens, inputs), view(on_dw, outputs, inputs), key),
               "backward")) {
    return 1;
  }

  linear<recipes::nvfp4, product::exact> reference;
  reference.forward(view(x, tokens, inputs), view(w, outputs, inputs), view(y, tokens, outputs),
                    key);
  reference.backward(view(dy, tokens, outputs), view(dx, tokens, inputs), view(dw, outputs, inputs),
                     key);
  bool const is_same = are_equal(y, on_y) && are_equal(dx, on_dx) && are_equal(dw, on_dw);
  std::printf("y, dx and dW are %sthe host's, byte for byte\n", is_same ? "" : "not ");
  return is_same ? 0 : 1;
}
