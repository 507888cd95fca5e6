// SPDX-License-Identifier: Apache-2.0
// CUDA's runtime for one device that interprets PTX: memory, streams, graphs, and what the device is like.
#include "runtime.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

#include "machine.hpp"

using interpreter::report;
using interpreter::submit;

struct CUgraph_st {
  std::vector<std::function<void()>> nodes;  // in the order in which they were captured
};
struct CUgraphExec_st : CUgraph_st {};
struct CUstream_st {
  CUgraph_st* captured = nullptr;
};

namespace {

constexpr std::size_t memory_bytes = std::size_t{4} << 30;
std::atomic<std::size_t> used_bytes = 0;

thread_local cudaError_t last_error = cudaSuccess;
std::atomic<cudaError_t> stopped =
    cudaSuccess;  // what stopped the device; nothing works after that

std::atomic<int> captures = 0;
std::atomic<bool> is_capture_broken = false;

/// What must not happen while a stream is captured, by any thread: it breaks the capture.
cudaError_t if_not_capturing() {
  if (captures == 0) return cudaSuccess;
  is_capture_broken = true;
  return cudaErrorStreamCaptureUnsupported;
}

CUgraph_st* graph_of(cudaStream_t stream) {
  bool const is_default =
      stream == nullptr || stream == cudaStreamLegacy || stream == cudaStreamPerThread;
  return is_default ? nullptr : stream->captured;
}

void run(std::function<void()> const& work) {
  static std::mutex one_at_a_time;
  std::lock_guard const lock(one_at_a_time);
  if (stopped != cudaSuccess) return;
  try {
    work();
  } catch (interpreter::fault const& fault) {
    std::fprintf(stderr, "%s\n", fault.what());
    stopped = cudaErrorLaunchFailure;
  }
}

cudaError_t allocate(void** memory, std::size_t bytes) {
  if (memory == nullptr) return cudaErrorInvalidValue;
  if (auto const status = if_not_capturing(); status != cudaSuccess) return status;
  *memory = nullptr;
  if (bytes == 0) return cudaSuccess;
  if (bytes > memory_bytes - used_bytes) return cudaErrorMemoryAllocation;
  *memory = interpreter::allocate(bytes);
  used_bytes += bytes;
  return cudaSuccess;
}

bool is_on_device(void const* memory, std::size_t bytes) {
  return interpreter::allocated_from(memory) >= bytes;
}

cudaError_t copy(void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind,
                 cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (to == nullptr || from == nullptr) return cudaErrorInvalidValue;
  auto const is_ours = [&](void const* memory, bool is_said) {
    return is_said || (kind == cudaMemcpyDefault && interpreter::allocated_from(memory) != 0);
  };
  if (is_ours(to, kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice) &&
      !is_on_device(to, bytes)) {
    return cudaErrorInvalidValue;
  }
  if (is_ours(from, kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice) &&
      !is_on_device(from, bytes)) {
    return cudaErrorInvalidValue;
  }
  return submit(stream, [=] { std::memmove(to, from, bytes); });
}

cudaError_t set(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  if (!is_on_device(to, bytes)) return cudaErrorInvalidValue;
  return submit(stream, [=] { std::memset(to, value, bytes); });
}

struct name_of {
  cudaError_t status;
  char const* name;
};
constexpr name_of names[] = {
    {cudaSuccess, "cudaSuccess"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation"},
    {cudaErrorInvalidDeviceFunction, "cudaErrorInvalidDeviceFunction"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice"},
    {cudaErrorInvalidPtx, "cudaErrorInvalidPtx"},
    {cudaErrorInvalidClusterSize, "cudaErrorInvalidClusterSize"},
    {cudaErrorNoKernelImageForDevice, "cudaErrorNoKernelImageForDevice"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure"},
    {cudaErrorIllegalState, "cudaErrorIllegalState"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated"},
};

cudaDeviceProp properties() {
  cudaDeviceProp p{};
  std::strcpy(p.name, "interpreter of PTX");
  p.major = interpreter::architecture() / 10;
  p.minor = interpreter::architecture() % 10;
  p.multiProcessorCount = interpreter::multiprocessors;
  p.totalGlobalMem = memory_bytes;
  p.totalConstMem = 65'536;
  p.sharedMemPerBlock = interpreter::unasked_shared_bytes;
  p.sharedMemPerBlockOptin = interpreter::shared_bytes;
  p.reservedSharedMemPerBlock = 1024;
  p.sharedMemPerMultiprocessor = interpreter::shared_bytes + 1024;
  p.regsPerBlock = p.regsPerMultiprocessor = 65'536;
  p.warpSize = 32;
  p.maxThreadsPerBlock = 1024;
  p.maxThreadsPerMultiProcessor = 2048;
  p.maxBlocksPerMultiProcessor = 32;
  p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024, p.maxThreadsDim[2] = 64;
  p.maxGridSize[0] = 0x7FFF'FFFF, p.maxGridSize[1] = p.maxGridSize[2] = 65'535;
  p.unifiedAddressing = p.managedMemory = p.concurrentManagedAccess = 1;
  p.clusterLaunch = p.major >= 9;
  return p;
}

}  // namespace

namespace interpreter {

cudaError_t report(cudaError_t status) {
  if (stopped != cudaSuccess) status = stopped;
  if (status != cudaSuccess) last_error = status;
  return status;
}

cudaError_t submit(cudaStream_t stream, std::function<void()> work) {
  if (CUgraph_st* const graph = graph_of(stream)) {
    graph->nodes.push_back(std::move(work));
  } else {
    run(work);
  }
  return cudaSuccess;
}

}  // namespace interpreter

extern "C" {

// --- errors

cudaError_t cudaGetLastError() {
  return stopped != cudaSuccess ? stopped.load() : std::exchange(last_error, cudaSuccess);
}
cudaError_t cudaPeekAtLastError() { return stopped != cudaSuccess ? stopped.load() : last_error; }

char const* cudaGetErrorName(cudaError_t status) {
  auto const found = std::ranges::find(names, status, &name_of::status);
  return found == std::end(names) ? "an error that the interpreter has no name for" : found->name;
}
char const* cudaGetErrorString(cudaError_t status) { return cudaGetErrorName(status); }

// --- memory

cudaError_t cudaMalloc(void** memory, std::size_t bytes) { return report(allocate(memory, bytes)); }
cudaError_t cudaMallocManaged(void** memory, std::size_t bytes, unsigned) {
  return report(allocate(memory, bytes));
}

cudaError_t cudaFree(void* memory) {
  if (memory == nullptr) return report(cudaSuccess);
  if (auto const status = if_not_capturing(); status != cudaSuccess) return report(status);
  std::size_t const bytes = interpreter::allocated_from(memory);
  if (!interpreter::release(memory)) return report(cudaErrorInvalidValue);
  used_bytes -= bytes;
  return report(cudaSuccess);
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = memory_bytes - used_bytes;
  *total = memory_bytes;
  return report(cudaSuccess);
}

cudaError_t cudaMemcpyAsync(void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return report(copy(to, from, bytes, kind, stream));
}
cudaError_t cudaMemcpy(void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (auto const status = if_not_capturing(); status != cudaSuccess) return report(status);
  return report(copy(to, from, bytes, kind, nullptr));
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return report(set(to, value, bytes, stream));
}
cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  if (auto const status = if_not_capturing(); status != cudaSuccess) return report(status);
  return report(set(to, value, bytes, nullptr));
}

// --- streams and graphs

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  return report(cudaSuccess);
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, 0); }

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (graph_of(stream) != nullptr) return report(cudaErrorIllegalState);
  delete stream;
  return report(cudaSuccess);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return report(graph_of(stream) == nullptr ? cudaSuccess : if_not_capturing());
}
cudaError_t cudaDeviceSynchronize() { return report(if_not_capturing()); }

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (graph_of(stream) != nullptr) return report(cudaErrorIllegalState);
  stream->captured = new CUgraph_st;
  ++captures;
  return report(cudaSuccess);
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = std::exchange(stream->captured, nullptr);
  if (*graph == nullptr) return report(cudaErrorIllegalState);
  bool const is_last = --captures == 0, is_broken = is_capture_broken;
  if (is_last) is_capture_broken = false;
  if (!is_broken) return report(cudaSuccess);
  delete std::exchange(*graph, nullptr);
  return report(cudaErrorStreamCaptureInvalidated);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* program, cudaGraph_t graph, unsigned long long) {
  if (graph == nullptr) return report(cudaErrorInvalidValue);
  *program = new CUgraphExec_st{*graph};
  return report(cudaSuccess);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t program, cudaStream_t stream) {
  if (program == nullptr) return report(cudaErrorInvalidValue);
  for (auto const& node : program->nodes) submit(stream, node);
  return report(cudaSuccess);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return report(cudaSuccess);
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t program) {
  delete program;
  return report(cudaSuccess);
}

// --- the device

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return report(cudaSuccess);
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return report(cudaSuccess);
}
cudaError_t cudaSetDevice(int device) {
  return report(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* of, int device) {
  if (device != 0) return report(cudaErrorInvalidDevice);
  *of = properties();
  return report(cudaSuccess);
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (device != 0) return report(cudaErrorInvalidDevice);
  cudaDeviceProp const p = properties();
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor:
      *value = p.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = p.minor;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = p.multiProcessorCount;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = static_cast<int>(p.sharedMemPerBlock);
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(p.sharedMemPerBlockOptin);
      break;
    case cudaDevAttrMaxThreadsPerBlock:
      *value = p.maxThreadsPerBlock;
      break;
    case cudaDevAttrMaxGridDimX:
      *value = p.maxGridSize[0];
      break;
    case cudaDevAttrWarpSize:
      *value = p.warpSize;
      break;
    default:
      return report(cudaErrorInvalidValue);
  }
  return report(cudaSuccess);
}

cudaError_t cudaDriverGetVersion(int* version) {
  return *version = CUDART_VERSION, report(cudaSuccess);
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  return *version = CUDART_VERSION, report(cudaSuccess);
}

}  // extern "C"
