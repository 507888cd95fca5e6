// SPDX-License-Identifier: Apache-2.0
// RMSNorm that quantizes what it makes, under the amax of the step before. One warp a token, two
// lanes a block; the normalized matrix never goes to memory.
#include <nibble/nibble.cuh>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace nibble;
constexpr matrix_index tokens = 300, width = 256;

NIBBLE_HD float normalized(float x, float sum_of_squares) {
  return arch::divide(x, sqrtf(arch::add(arch::divide(sum_of_squares, width), 1e-5f)));
}

__global__ void rms_norm(bf16 const* x, quantized_view<nvfp4_block> out, quantizer<> q) {
  matrix_index const row = blockIdx.x, column = threadIdx.x * 8;
  float values[8], sum = 0;
  device::load_vectors(x + row * width + column, values);
  for (float const v : values) sum = arch::add(sum, arch::multiply(v, v));
  for (int i = 16; i > 0; i /= 2) sum = arch::add(sum, __shfl_xor_sync(0xFFFF'FFFFu, sum, i));
  for (float& v : values) v = normalized(v, sum);
  auto const factors = q.prepare({out.amax(0, 0)});
  auto const made = device::quantize_by_lanes(values, q, factors, row * width + column);
  auto* const to = device::code_address(out, row, column / 16) + column % 16 / 2;
  device::store_codes<false>(made.codes, to);
  if (threadIdx.x % 2 == 0) out.scales(row, column / 16) = made.scale;
}

/// Memory that both sides see; the program ends where there is no GPU.
template <class T>
cuda::std::span<T> memory(std::size_t count, T* first = nullptr) {
  if (cudaMallocManaged(&first, count * sizeof(T)) == cudaSuccess) return {first, count};
  std::puts("no CUDA device");
  std::exit(77);
}

int main() {
  auto const x = memory<bf16>(tokens * width);
  auto const y = memory<float>(x.size()), amax = memory<float>(1);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = bf16(float(int(i * 7919 % 257) - 128) / 16);
  for (std::size_t i = 0; i < x.size(); ++i) {
    float sum = 0;  // exact, since x has few bits
    for (bf16 const v : x.subspan(i / width * width, width)) sum += float(v) * float(v);
    y[i] = normalized(float(x[i]), sum);
  }
  auto const expected = quantized(*make_matrix_view(y, tokens, width), quantizer<>{});
  auto const codes = memory<std::uint8_t>(expected.code_bytes().size());
  auto const scales = memory<fp8_e4m3>(expected.scales().size());
  amax[0] = expected.amax()[0];
  auto const out = *make_quantized_view<nvfp4_block>(codes, scales, amax, expected.shape());
  rms_norm<<<tokens, 32>>>(x.data(), out, {});
  bool const same = cudaDeviceSynchronize() == cudaSuccess &&
                    std::equal(codes.begin(), codes.end(), expected.code_bytes().begin()) &&
                    std::equal(scales.begin(), scales.end(), expected.scales().begin());
  std::printf("%zu bytes, %s the host's\n", codes.size() + scales.size(), same ? "all" : "not all");
  return same ? 0 : 1;
}
// 43200 bytes, all the host's
