// SPDX-License-Identifier: Apache-2.0
// A user's kernel: it compiles only if nvcc was given C++20, which CMake 3.25.1 does not do by
// itself.
#include <nibble/fp4_e2m1.hpp>

template <std::integral Index>
__global__ void encode(float const* in, unsigned char* out, Index count) {
  Index const i = static_cast<Index>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) {
    out[i] = nibble::fp4_e2m1(in[i]).bits();
  }
}

template __global__ void encode<int>(float const*, unsigned char*, int);
