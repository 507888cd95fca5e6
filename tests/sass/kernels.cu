// SPDX-License-Identifier: Apache-2.0
// Not a program: sass_test.py compiles it and counts instructions. One thread, one block of 16, built
// from the same pieces as the library's own kernels.
#include <nibble/device/group.cuh>
#include <nibble/nibble.hpp>

namespace {

using namespace nibble;

template <class Quantizer>
__device__ void quantize_block(bf16 const* in, float amax, std::uint8_t* codes, fp8_e4m3* scales,
                               Quantizer const& q) {
  std::uint64_t const i = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  float values[1][16];
  device::load_vectors(in + 16 * i, values[0]);
  nvfp4_block const made = q.encode(values, Quantizer::prepare({amax}), 16 * i);
  device::store_codes<true>(made.codes, codes + 8 * i);
  scales[i] = made.scale;
}

}  // namespace

extern "C" __global__ void quantize_nearest(bf16 const* in, float amax, std::uint8_t* codes,
                                            fp8_e4m3* scales) {
  quantize_block(in, amax, codes, scales, quantizer<>{});
}

extern "C" __global__ void quantize_stochastic(bf16 const* in, float amax, std::uint8_t* codes,
                                               fp8_e4m3* scales, std::uint64_t seed,
                                               std::uint64_t stream) {
  quantize_block(in, amax, codes, scales,
                 quantizer{scaling::amax<>{}, rounding::stochastic<>{{seed, stream}}});
}

extern "C" __global__ void quantize_by_hardware(bf16 const* in, float amax, std::uint8_t* codes,
                                                fp8_e4m3* scales, std::uint64_t seed,
                                                std::uint64_t stream) {
  quantize_block(in, amax, codes, scales,
                 quantizer{scaling::amax<>{}, rounding::hardware_stochastic<>{{seed, stream}}});
}

extern "C" __global__ void dequantize_blocks(std::uint8_t const* codes, fp8_e4m3 const* scales,
                                             float amax, bf16* out) {
  std::uint64_t const i = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  nvfp4_block const stored{device::load_codes<true, fp4_e2m1, 16>(codes + 8 * i), scales[i]};
  auto const values = quantizer<>::decode(stored, quantizer<>::prepare({amax}));
  for (int j = 0; j < 16; ++j) out[16 * i + static_cast<unsigned>(j)] = bf16(values[j]);
}
