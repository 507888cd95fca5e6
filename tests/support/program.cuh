// SPDX-License-Identifier: Apache-2.0
// What programs on a GPU share that are no doctest programs: an end with a reason, and memory.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstdlib>

#include <nibble/view.hpp>

namespace fixture {

inline void require(bool condition, char const* what) {
  if (condition) return;
  std::printf("failed: %s (%s)\n", what, cudaGetErrorString(cudaGetLastError()));
  std::exit(1);
}

/// Device memory for as long as the program runs.
template <class T>
T* allocate(nibble::matrix_index count) {
  void* memory = nullptr;
  require(cudaMalloc(&memory, static_cast<std::size_t>(count) * sizeof(T)) == cudaSuccess,
          "device memory");
  return static_cast<T*>(memory);
}

/// Ends the program with 77, which ctest takes for skipped, where there is no GPU.
inline void require_device() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0) return;
  std::puts("no CUDA device");
  std::exit(77);
}

}  // namespace fixture
