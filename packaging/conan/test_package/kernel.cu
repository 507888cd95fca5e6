// SPDX-License-Identifier: Apache-2.0
// A kernel on the package: it compiles only if nvcc was given C++20.
#include <nibble/fp4_e2m1.hpp>

__global__ void encode(float const* in, unsigned char* out) {
  out[threadIdx.x] = nibble::fp4_e2m1(in[threadIdx.x]).bits();
}
