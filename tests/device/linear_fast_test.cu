// SPDX-License-Identifier: Apache-2.0
// The linear layer on the device with fast products, and with bf16 tensors.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include <nibble/recipes/bf16.hpp>
#include <nibble/recipes/fp8.hpp>
#include <nibble/recipes/nvfp4.hpp>

#include "support/device_layer.cuh"

using namespace nibble;
using fixture::step_key;
using fixture::library;
using fixture::mismatches;
using fixture::device_tensor;
using fixture::tensors;

TEST_CASE("y, dx and dW of bf16 tensors are the host's, byte for byte") {
  if (!fixture::has_device()) return;
  CHECK(mismatches<recipes::nvfp4, product::exact, bf16>({128, 96, 160}) == 0);
}

namespace {

/// The relative difference of fast results from ordered ones, the larger of y, dx and dW.
template <class Recipe, class T>
double fast_error(device::linear_shape s) {
  tensors<T> expected(s), given(s);
  linear<Recipe, product::ordered> reference;
  reference.forward(expected.x.view(), expected.w.view(), expected.y.view(), step_key);
  reference.backward(expected.dy.view(), expected.dx.view(), expected.dw.view(), step_key);
  device_tensor<T> x(given.x), w(given.w), dy(given.dy), y(given.y), dx(given.dx);
  device_tensor<float> dw(given.dw);
  device::linear<Recipe> layer(s);
  fixture::device_vector<std::uint8_t> kept(layer.kept_bytes()),
      scratch(layer.workspace_bytes(library()));
  device::workspace const k{kept.data(), kept.size()}, m{scratch.data(), scratch.size()};
  cuda::stream_ref const stream{cudaStream_t{}};
  REQUIRE(layer.forward(library(), stream, m, k, x.view(), w.view(), y.view(), step_key) == device::status::success);
  REQUIRE(layer.backward(library(), stream, m, k, dy.view(), dx.view(), dw.view(), step_key) ==
          device::status::success);
  auto const error = [](auto const& got, auto const& want) {
    auto const copy = fixture::copied(got.values);
    double off = 0, size = 0;
    for (std::size_t i = 0; i < copy.size(); ++i) {
      double const exact = static_cast<double>(static_cast<float>(want.values[i]));
      double const d = static_cast<double>(static_cast<float>(copy[i])) - exact;
      off += d * d, size += exact * exact;
    }
    return std::sqrt(off / size);
  };
  return std::max({error(y, expected.y), error(dx, expected.dx), error(dw, expected.dw)});
}

}  // namespace

TEST_CASE("fast layers are near the ordered ones: the same operands, other sums") {
  if (!fixture::has_device()) return;
  CHECK(fast_error<recipes::nvfp4, float>({256, 128, 192}) < 1e-6);
  CHECK(fast_error<recipes::nvfp4, float>({67, 50, 23}) < 1e-6);
  CHECK(fast_error<recipes::nvfp4, bf16>({256, 128, 192}) < 1e-3);  // results of 8 bits
  CHECK(fast_error<recipes::bf16, float>({67, 50, 23}) < 1e-6);
  CHECK(fast_error<recipes::fp8, float>({67, 50, 23}) < 4e-3);  // operands rounded to bf16
}
