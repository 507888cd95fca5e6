// SPDX-License-Identifier: Apache-2.0
// The linear layer on the device: results and gradients byte for byte the host's.
#include <doctest/doctest.h>

#include <nibble/recipes/four_over_six.hpp>
#include <nibble/recipes/nvfp4.hpp>

#include "support/device_layer.cuh"

using namespace nibble;
using fixture::equals_host;
using fixture::step_key;
using fixture::library;
using fixture::device_tensor;
using fixture::tensors;

TEST_CASE("y, dx and dW under NVIDIA's recipe and its like are the host's, byte for byte") {
  if (!fixture::has_device()) return;
  equals_host<recipes::nvfp4>("nvfp4");
  equals_host<recipes::four_over_six>("four_over_six");
}

TEST_CASE("a backward without a forward, other shapes and too little memory are statuses") {
  if (!fixture::has_device()) return;
  device::linear_shape const s{16, 32, 48};
  tensors<float> given(s);
  device_tensor<float> x(given.x), w(given.w), dy(given.dy), y(given.y), dx(given.dx), dw(given.dw);
  device::linear<recipes::nvfp4, product::exact> layer(s);
  fixture::device_vector<std::uint8_t> kept(layer.kept_bytes()),
      scratch(layer.workspace_bytes(library()));
  device::workspace const k{kept.data(), kept.size()}, m{scratch.data(), scratch.size()};
  cuda::stream_ref const stream{cudaStream_t{}};
  CHECK(layer.backward(library(), stream, m, k, dy.view(), dx.view(), dw.view(), step_key) ==
        device::status::no_forward);
  CHECK(layer.forward(library(), stream, m, k, w.view(), w.view(), y.view(), step_key) ==
        device::status::shape_mismatch);
  CHECK(layer.forward(library(), stream, m, {k.data, k.bytes - 1}, x.view(), w.view(), y.view(), step_key) ==
        device::status::workspace_too_small);
  CHECK(layer.forward(library(), stream, {m.data, m.bytes / 2}, k, x.view(), w.view(), y.view(), step_key) ==
        device::status::workspace_too_small);
  CHECK(layer.infer(library(), stream, m, x.view(), w.view(), y.view(), step_key) == device::status::success);
  CHECK(layer.backward(library(), stream, m, k, dy.view(), dx.view(), dw.view(), step_key) ==
        device::status::no_forward);
  CHECK(layer.forward(library(), stream, m, k, x.view(), w.view(), y.view(), step_key) == device::status::success);
  CHECK(layer.backward(library(), stream, m, k, dy.view(), dw.view(), dw.view(), step_key) ==
        device::status::shape_mismatch);
}

TEST_CASE("a step captured in a graph gives the bytes of the step itself") {
  if (!fixture::has_device()) return;
  device::linear_shape const s{64, 96, 48};
  tensors<float> expected(s), given(s);
  linear<recipes::nvfp4, product::exact> reference;
  reference.forward(expected.x.view(), expected.w.view(), expected.y.view(), step_key);
  reference.backward(expected.dy.view(), expected.dx.view(), expected.dw.view(), step_key);
  device_tensor<float> x(given.x), w(given.w), dy(given.dy), y(given.y), dx(given.dx), dw(given.dw);
  device::linear<recipes::nvfp4, product::exact> layer(s);
  fixture::device_vector<std::uint8_t> kept(layer.kept_bytes()),
      scratch(layer.workspace_bytes(library()));
  device::workspace const k{kept.data(), kept.size()}, m{scratch.data(), scratch.size()};
  cudaStream_t stream{};
  REQUIRE(cudaStreamCreate(&stream) == cudaSuccess);
  REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess);
  CHECK(layer.forward(library(), stream, m, k, x.view(), w.view(), y.view(), step_key) == device::status::success);
  CHECK(layer.backward(library(), stream, m, k, dy.view(), dx.view(), dw.view(), step_key) ==
        device::status::success);
  cudaGraph_t graph{};
  cudaGraphExec_t ready{};
  REQUIRE(cudaStreamEndCapture(stream, &graph) == cudaSuccess);
  REQUIRE(cudaGraphInstantiate(&ready, graph, 0) == cudaSuccess);
  REQUIRE(cudaGraphLaunch(ready, stream) == cudaSuccess);
  REQUIRE(cudaStreamSynchronize(stream) == cudaSuccess);
  CHECK(differences(y, expected.y) + differences(dx, expected.dx) + differences(dw, expected.dw) == 0);
  cudaGraphExecDestroy(ready);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
}
