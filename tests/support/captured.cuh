// SPDX-License-Identifier: Apache-2.0
// What launchers do on a stream, as a graph that is launched again and again.
#pragma once

#include <doctest/doctest.h>

#include <cuda/stream_ref>

namespace fixture {

/// A stream of its own, and a graph of what body(stream) launches on it.
class captured {
 public:
  template <class Body>
  explicit captured(Body const& body) {
    REQUIRE(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeGlobal) == cudaSuccess);
    body(cuda::stream_ref(stream_));
    cudaGraph_t graph = nullptr;
    REQUIRE(cudaStreamEndCapture(stream_, &graph) == cudaSuccess);
    REQUIRE(cudaGraphInstantiate(&program_, graph, 0) == cudaSuccess);
    REQUIRE(cudaGraphDestroy(graph) == cudaSuccess);
  }
  captured(captured const&) = delete;
  ~captured() {
    cudaGraphExecDestroy(program_);
    cudaStreamDestroy(stream_);
  }
  void replay() const {
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    REQUIRE(cudaGraphLaunch(program_, stream_) == cudaSuccess);
    REQUIRE(cudaStreamSynchronize(stream_) == cudaSuccess);
  }

 private:
  cudaStream_t stream_ = nullptr;
  cudaGraphExec_t program_ = nullptr;
};

}  // namespace fixture
