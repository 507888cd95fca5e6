// SPDX-License-Identifier: Apache-2.0
// What CUDA's runtime refuses and how it counts errors: of the runtime itself where there is a GPU, of its
// stand-in where there is none.
#include <doctest/doctest.h>

#include <string_view>

#include "support/device_vector.cuh"
#include "support/has_device.cuh"

namespace {

struct offsets {
  int values[7];
};

__global__ void add(int* to, offsets by, short scale) {
  to[threadIdx.x] += by.values[threadIdx.x] * scale;
}

__global__ void reverse(int* values) {
  extern __shared__ int kept[];
  kept[threadIdx.x] = values[threadIdx.x];
  __syncthreads();
  values[threadIdx.x] = kept[blockDim.x - 1 - threadIdx.x];
}

__global__ void rank(unsigned* to) {
  unsigned in_cluster = 0;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(in_cluster));
  to[blockIdx.x] = in_cluster;
}

cudaError_t launched(dim3 grid, dim3 block, std::size_t shared_bytes = 0) {
  reverse<<<grid, block, shared_bytes>>>(nullptr);
  return cudaGetLastError();
}
/// What a launch of a wrong shape gives: the first on an H200 with CUDA 13.0 and driver 580, the second by the manual.
bool is_refused(cudaError_t error) {
  return error == cudaErrorInvalidValue || error == cudaErrorInvalidConfiguration;
}

std::vector<int> counted(int size) {
  std::vector<int> values;
  for (int i = 0; i < size; ++i) values.push_back(i);
  return values;
}

}  // namespace

TEST_CASE("a launch of no threads, of too many, or of too much shared memory is refused") {
  if (!fixture::has_device()) return;
  CHECK(is_refused(launched(0, 32)));
  CHECK(is_refused(launched(1, 0)));
  CHECK(is_refused(launched(1, 1025)));
  CHECK(is_refused(launched(1, dim3(1, 1, 65))));
  CHECK(is_refused(launched(dim3(1, 65'536), 32)));
  CHECK(launched(1, 32, 48 * 1024 + 1) == cudaErrorInvalidValue);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
}

TEST_CASE("the last error stays until it is asked for, and looking at it does not count") {
  if (!fixture::has_device()) return;
  reverse<<<1, 2048>>>(nullptr);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(is_refused(cudaPeekAtLastError()));
  CHECK(is_refused(cudaGetLastError()));
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("more than 48 KiB of shared memory are there for a kernel that asked for them") {
  if (!fixture::has_device()) return;
  int most = 0;
  REQUIRE(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0) == cudaSuccess);
  auto const allow = [](int bytes) {
    return cudaFuncSetAttribute(reverse, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  };
  CHECK(allow(most + 1) == cudaErrorInvalidValue);
  CHECK(cudaGetLastError() == cudaErrorInvalidValue);
  REQUIRE(allow(most) == cudaSuccess);
  auto const host = counted(64);
  fixture::device_vector<int> values(host.begin(), host.end());
  reverse<<<1, 64, static_cast<unsigned>(most)>>>(values.data());
  REQUIRE(cudaGetLastError() == cudaSuccess);
  CHECK(values[0] == 63);
  CHECK(values[63] == 0);
  CHECK(allow(0) == cudaSuccess);
}

TEST_CASE("the interpreter refuses a copy or a fill that leaves its memory") {
  if (!fixture::has_device()) return;
  cudaDeviceProp properties{};
  REQUIRE(cudaGetDeviceProperties(&properties, 0) == cudaSuccess);
  if (properties.name != std::string_view("interpreter of PTX")) return;  // CUDA promises nothing
  auto const host = counted(100);
  fixture::device_vector<int> values(host.begin(), host.end());
  std::vector<int> more(host.size() + 1);
  std::size_t const bytes = host.size() * sizeof(int);
  CHECK(cudaMemcpy(more.data(), values.data(), bytes + 1, cudaMemcpyDeviceToHost) ==
        cudaErrorInvalidValue);
  CHECK(cudaMemcpy(values.data(), more.data(), bytes + 1, cudaMemcpyHostToDevice) ==
        cudaErrorInvalidValue);
  CHECK(cudaMemcpy(values.data() + 1, more.data(), bytes, cudaMemcpyDefault) ==
        cudaErrorInvalidValue);
  CHECK(cudaMemset(values.data() + 1, 0, bytes) == cudaErrorInvalidValue);
  CHECK(cudaGetLastError() == cudaErrorInvalidValue);
  CHECK(cudaMemset(values.data() + 1, 0, bytes - sizeof(int)) == cudaSuccess);
  CHECK(values[1] == 0);
  CHECK(cudaFree(nullptr) == cudaSuccess);
}

TEST_CASE(
    "a captured stream does nothing until its graph is launched, with the arguments of its "
    "capture") {
  if (!fixture::has_device()) return;
  fixture::device_vector<int> values(7, 5);
  cudaStream_t stream{};
  cudaGraph_t graph{};
  cudaGraphExec_t program{};
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  offsets by{{0, 1, 2, 3, 4, 5, 6}};
  add<<<1, 7, 0, stream>>>(values.data(), by, 10);
  add<<<1, 1, 0, stream>>>(values.data() + 6, offsets{{1}}, short{-3});
  by = {};
  REQUIRE(cudaStreamEndCapture(stream, &graph) == cudaSuccess);
  REQUIRE(cudaGraphInstantiate(&program, graph, 0) == cudaSuccess);
  REQUIRE(cudaGraphDestroy(graph) == cudaSuccess);
  CHECK(values[6] == 5);
  for (int repeat = 0; repeat < 2; ++repeat) {
    REQUIRE(cudaGraphLaunch(program, stream) == cudaSuccess);
    REQUIRE(cudaStreamSynchronize(stream) == cudaSuccess);
  }
  CHECK(fixture::copied(values) == std::vector<int>{5, 25, 45, 65, 85, 105, 119});
  CHECK(cudaGraphExecDestroy(program) == cudaSuccess);

  REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess);
  void* memory = nullptr;
  CHECK(cudaMalloc(&memory, 4) == cudaErrorStreamCaptureUnsupported);
  CHECK(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated);
  CHECK(graph == nullptr);
  CHECK(cudaStreamDestroy(stream) == cudaSuccess);
  CHECK(cudaGetLastError() == cudaErrorStreamCaptureInvalidated);
}

TEST_CASE("blocks of a cluster have ranks, and a grid is made of whole clusters") {
  if (!fixture::has_device()) return;
  int major = 0;
  REQUIRE(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0) == cudaSuccess);
  if (major < 9) return;
  fixture::device_vector<unsigned> ranks(8);
  cudaLaunchAttribute attribute{};
  cudaLaunchConfig_t config{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {4, 1, 1};
  config.gridDim = 8, config.blockDim = 32;
  config.attrs = &attribute, config.numAttrs = 1;
  REQUIRE(cudaLaunchKernelEx(&config, rank, ranks.data()) == cudaSuccess);
  CHECK(fixture::copied(ranks) == std::vector<unsigned>{0, 1, 2, 3, 0, 1, 2, 3});
  int clusters = 0;
  CHECK(cudaOccupancyMaxActiveClusters(&clusters, rank, &config) == cudaSuccess);
  CHECK(clusters > 0);
  attribute.val.clusterDim.x = 3;
  CHECK(cudaLaunchKernelEx(&config, rank, ranks.data()) != cudaSuccess);
  attribute.val.clusterDim.x = 16;
  config.gridDim = 16;
  CHECK(cudaLaunchKernelEx(&config, rank, ranks.data()) != cudaSuccess);
  cudaGetLastError();
}
