// SPDX-License-Identifier: Apache-2.0
// A kernel that takes its time: whoever does not wait for it reads what was there before.
#pragma once

#include <nibble/view.hpp>

namespace fixture {

/// Waits for about 50 ms, then copies; one block of threads.
template <class T>
__global__ void copy_late(T const* from, T* to, nibble::matrix_index count) {
  long long const start = clock64();
  while (clock64() - start < 80'000'000) {
  }
  for (nibble::matrix_index i = threadIdx.x; i < count; i += blockDim.x) to[i] = from[i];
}

}  // namespace fixture
