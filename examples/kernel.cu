// SPDX-License-Identifier: Apache-2.0
// The quantizer inside a kernel of one's own: one thread, one block. Build: nvcc -std=c++20 -I include
#include <nibble/nibble.hpp>

#include <cstdio>

// [readme]
template <class Quantizer>
__global__ void quantize_blocks(float const* x, nibble::tensor_amax amax, nibble::nvfp4_block* out,
                                Quantizer q) {
  unsigned const i = blockIdx.x * blockDim.x + threadIdx.x;
  float values[16];
  for (int j = 0; j < 16; ++j) values[j] = x[16 * i + j];
  out[i] = q(values, amax, 16ull * i);  // the bytes that the host makes, on any GPU
}
// [/readme]

int main() {
  constexpr int blocks = 64;
  float* x = nullptr;
  nibble::nvfp4_block* out = nullptr;
  if (cudaMallocManaged(&x, sizeof(float) * 16 * blocks) != cudaSuccess ||
      cudaMallocManaged(&out, sizeof(nibble::nvfp4_block) * blocks) != cudaSuccess) {
    std::puts("no CUDA device");
    return 77;
  }
  for (int i = 0; i < 16 * blocks; ++i) x[i] = static_cast<float>(i % 97 - 48) / 8;
  nibble::quantizer const q{nibble::scaling::amax<>{},
                            nibble::rounding::stochastic<>{{.seed = 3, .stream = 4}}};
  nibble::tensor_amax const amax{6.0f};
  quantize_blocks<<<2, 32>>>(x, amax, out, q);
  if (cudaDeviceSynchronize() != cudaSuccess) return 1;

  int different = 0;
  for (int i = 0; i < blocks; ++i) {
    float values[16];
    for (int j = 0; j < 16; ++j) values[j] = x[16 * i + j];
    auto const expected = q(values, amax, 16ull * static_cast<unsigned>(i));
    for (int b = 0; b < 8; ++b) different += expected.codes.bytes()[b] != out[i].codes.bytes()[b];
    different += expected.scale.bits() != out[i].scale.bits();
  }
  std::printf("%d bytes differ from the host's\n", different);
  return different == 0 ? 0 : 1;
}
// 0 bytes differ from the host's
