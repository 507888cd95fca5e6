// SPDX-License-Identifier: Apache-2.0
// A step of a linear layer on both sides: the same tensors on the host and on the device.
#pragma once

#include <doctest/doctest.h>

#include <cstring>

#include <nibble/device/linear.cuh>

#include "support/device_memory.cuh"
#include "support/matrices.hpp"

namespace fixture {

using nibble::matrix_index;
using nibble::matrix_view;
using nibble::product;
namespace device = nibble::device;

inline constexpr nibble::layer_key step_key{7, 3, 11};

inline nibble::cublas::handle const& library() {
  static nibble::cublas::handle const handle;
  REQUIRE(handle.state() == device::status::success);
  return handle;
}

/// A host tensor and its copy on the device.
template <class T>
struct device_tensor {
  matrix<T> const& host;
  device_vector<T> values;

  explicit device_tensor(matrix<T> const& from)
      : host(from), values(from.values.begin(), from.values.end()) {}
  matrix_view<T> view() {
    auto const like = host.view();
    cuda::std::array<matrix_index, 2> const strides{like.stride(0), like.stride(1)};
    return {values.data(), {like.extents(), strides}};
  }
};

template <class T>
int differences(device_tensor<T> const& got, matrix<T> const& expected) {
  auto const copy = copied(got.values);
  int count = 0;
  for (std::size_t i = 0; i < copy.size(); ++i) count += std::memcmp(&copy[i], &expected.values[i], sizeof(T)) != 0;
  return count;
}

template <class T>
struct tensors {
  matrix<T> x, w, dy, y, dx;
  matrix<float> dw;

  explicit tensors(device::linear_shape s)
      : x(filled<T>(s.tokens, s.inputs, 1)),
        w(filled<T>(s.outputs, s.inputs, 2)),
        dy(filled<T>(s.tokens, s.outputs, 3)),
        y(s.tokens, s.outputs),
        dx(s.tokens, s.inputs),
        dw(filled<float>(s.outputs, s.inputs, 4)) {}
};

/// Elements of y, dx and dW in which host and device differ, after one step.
template <class Recipe, product Mode, class T = float>
int mismatches(device::linear_shape s) {
  tensors<T> expected(s), given(s);
  nibble::linear<Recipe, Mode> reference;
  reference.forward(expected.x.view(), expected.w.view(), expected.y.view(), step_key, nibble::threads{2});
  reference.backward(expected.dy.view(), expected.dx.view(), expected.dw.view(), step_key, nibble::threads{2});

  device_tensor<T> x(given.x), w(given.w), dy(given.dy), y(given.y), dx(given.dx);
  device_tensor<float> dw(given.dw);
  device::linear<Recipe, Mode> layer(s);
  device_vector<std::uint8_t> kept(layer.kept_bytes(), std::uint8_t{0xFF}),
      scratch(layer.workspace_bytes(library()), std::uint8_t{0xFF});
  device::workspace const k{kept.data(), kept.size()}, m{scratch.data(), scratch.size()};
  cuda::stream_ref const stream{cudaStream_t{}};
  REQUIRE(layer.forward(library(), stream, m, k, x.view(), w.view(), y.view(), step_key) == device::status::success);
  fill(scratch.begin(), scratch.end(), std::uint8_t{0xFF});  // nothing in it lasts
  REQUIRE(layer.backward(library(), stream, m, k, dy.view(), dx.view(), dw.view(), step_key) ==
          device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return differences(y, expected.y) + differences(dx, expected.dx) + differences(dw, expected.dw);
}

template <class Recipe>
void equals_host(char const* name) {
  CAPTURE(name);
  CHECK(mismatches<Recipe, product::exact>({48, 64, 80}) == 0);
  CHECK(mismatches<Recipe, product::exact>({37, 50, 23}) == 0);
  CHECK(mismatches<Recipe, product::exact>({1, 33, 17}) == 0);
}

}  // namespace fixture
