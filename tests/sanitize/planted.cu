// SPDX-License-Identifier: Apache-2.0
// Four kernels, each with the fault that one tool of compute-sanitizer is for: that the tools see
// anything here is shown by these. planted 0: an access past the end, 1: two threads at one place of
// shared memory, 2: a read of what was never written, 3: a thread at a barrier that
// is not for it.
#include <cuda_runtime_api.h>

#include <cstdlib>

__global__ void past_the_end(unsigned* to) { to[threadIdx.x + 1] = threadIdx.x; }

__global__ void race(unsigned* to) {
  __shared__ unsigned values[64];
  values[threadIdx.x] = threadIdx.x;
  to[threadIdx.x] = values[63 - threadIdx.x];
}

__global__ void unwritten(unsigned* to, unsigned const* from) { to[threadIdx.x] = from[threadIdx.x] + 1; }

__global__ void uninvited(unsigned* to) {
  if (threadIdx.x <= 16) __syncwarp(0xFFFF);  // of 16, and one more comes
  to[threadIdx.x] = threadIdx.x;
}

int main(int count, char** arguments) {
  unsigned *to = nullptr, *from = nullptr;
  if (cudaMalloc(&to, 64 * sizeof *to) != cudaSuccess || cudaMalloc(&from, 64 * sizeof *from) != cudaSuccess) return 1;
  switch (count > 1 ? std::atoi(arguments[1]) : 0) {
    case 0: past_the_end<<<1, 64>>>(to); break;
    case 1: race<<<1, 64>>>(to); break;
    case 2: unwritten<<<1, 64>>>(to, from); break;
    default: uninvited<<<1, 32>>>(to);
  }
  cudaDeviceSynchronize();
  return 0;
}
