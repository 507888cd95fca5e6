// SPDX-License-Identifier: Apache-2.0
// The atom: one warp multiplies 16 x 64 by 64 x 8 NVFP4 numbers, by Blackwell's block-scaled
// instruction where the GPU has it, by the same fragments decoded in registers elsewhere.
#include <nibble/mma/load.cuh>
#include <nibble/mma/multiply_add.cuh>
#include <nibble/nibble.cuh>

#include <cstdio>
#include <cstdlib>

using namespace nibble;
using matrix = quantized_view<nvfp4_block>;

__global__ void multiply(matrix a, matrix b, float* y) {
  mma::sum_fragment sums{};
  mma::multiply_add<nvfp4_block>(sums, mma::load_a(a, 0, 0), mma::load_b(b, 0, 0));
  for (int i = 0; i < 4; ++i) {
    auto const at = mma::sum_element(static_cast<int>(threadIdx.x), i);
    y[at.row * 8 + at.column] = sums.values[i];
  }
}

/// Memory that both sides see; the program ends where there is no GPU.
template <class T>
cuda::std::span<T> memory(std::size_t count) {
  T* first = nullptr;
  if (cudaMallocManaged(&first, count * sizeof(T)) == cudaSuccess) return {first, count};
  std::puts("no CUDA device");
  std::exit(77);
}

/// A matrix of 64 columns, quantized; under an amax of 2688 the tensor scale is 1.
matrix quantized_rows(matrix_index count, int seed) {
  auto const shape = shape_for<quantizer<>>(count, 64);
  auto const values = memory<float>(static_cast<std::size_t>(count) * 64), amax = memory<float>(1);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = float(int(i * i * 37 + i * 11 + seed) % 25 - 12);
  amax[0] = 2688;
  auto const made = *make_quantized_view<nvfp4_block>(
      memory<std::uint8_t>(static_cast<std::size_t>(shape.code_bytes())),
      memory<fp8_e4m3>(static_cast<std::size_t>(shape.scale_count())), amax, shape);
  quantize_with_amax(*make_matrix_view(values, count, 64), made, quantizer<>{});
  return made;
}

int main() {
  matrix const a = quantized_rows(16, 1), b = quantized_rows(8, 2);
  auto const y = memory<float>(16 * 8), expected = memory<float>(16 * 8);
  multiply<<<1, 32>>>(a, b, y.data());
  if (cudaDeviceSynchronize() != cudaSuccess) return 1;
  matmul<product::exact>(a, quantizer<>{}, b, quantizer<>{}, *make_matrix_view(expected, 16, 8));
  int differ = 0;
  for (std::size_t i = 0; i < y.size(); ++i) differ += y[i] != expected[i];
  std::printf("y(0, 0) = %g, %d of %zu sums differ from the exact ones\n", double(y[0]), differ,
              y.size());
  return differ == 0 ? 0 : 1;
}
// y(0, 0) = 160, 0 of 128 sums differ from the exact ones
