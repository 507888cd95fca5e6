// SPDX-License-Identifier: Apache-2.0
// Squared ReLU that quantizes what it makes: the activations never go to memory in 16 bits. One thread
// makes one block from sixteen floats in registers; the amax is that of the last step (delayed scaling),
// and this step's is found on the way.
#include <nibble/nibble.cuh>

#include <cstdio>
#include <cstdlib>
#include <cstring>

using nibble::bf16;
using nibble::matrix_index;

constexpr matrix_index tokens = 256, features = 4096;
using tiled = nibble::layout::scale_tile_128x4;  // as a matrix unit wants the scales
using matrix = nibble::quantized_view<nibble::nvfp4_block, tiled>;
using quantizer = nibble::quantizer<
    nibble::nvfp4_block,
    nibble::scaling::amax<nibble::scaling::tile::row, nibble::tensor_scale::delayed<>>,
    nibble::rounding::stochastic<>>;

NIBBLE_HD float squared_relu(float x) { return x > 0 ? nibble::arch::multiply(x, x) : 0.0f; }

__global__ void squared_relu_blocks(bf16 const* x, matrix out, quantizer q, float* next_amax) {
  matrix_index const block = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
  auto const [row, column] = nibble::device::split(block, features / 16);
  float values[1][16];
  nibble::device::load_vectors(x + block * 16, values[0]);
  for (float& v : values[0]) v = squared_relu(v);
  std::uint32_t const largest =
      __reduce_max_sync(0xFFFF'FFFFu, nibble::scaling::row_amax_bits(values[0]));
  if (threadIdx.x % 32 == 0) nibble::device::raise_amax(*next_amax, largest);

  auto const factors = quantizer::prepare({out.amax(0, 0)});
  nibble::nvfp4_block const made =
      q.encode(values, factors, static_cast<std::uint64_t>(block) * 16);
  nibble::device::store_codes<true>(made.codes, nibble::device::code_address(out, row, column));
  out.scales(row, column) = made.scale;
}

/// Memory that both sides see; the program ends where there is no GPU.
template <class T>
cuda::std::span<T> shared_memory(std::size_t count) {
  T* first = nullptr;
  if (cudaMallocManaged(&first, count * sizeof(T)) == cudaSuccess) return {first, count};
  std::puts("no CUDA device");
  std::exit(77);
}

int main() {
  auto const x = shared_memory<bf16>(tokens * features);
  auto const amaxes = shared_memory<float>(2);  // the last step's, and this one's
  auto const y = shared_memory<float>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = bf16(float(int(i * 7919 % 509) - 254) / 64);
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = squared_relu(static_cast<float>(x[i]));
  auto const y_view = *nibble::make_matrix_view(y, tokens, features);

  nibble::tensor_scale::delayed<>::history history;  // of the steps before
  history.record({14.0f});
  history.record({13.5f});
  float const delayed = history.amax().value;
  quantizer const q{{}, {{.seed = 1, .stream = 2}}};
  auto const shape = nibble::shape_for<quantizer, tiled>(tokens, features);
  nibble::quantized_matrix<nibble::nvfp4_block, tiled> expected(shape);
  nibble::find_amax(y_view, expected.view(), q);
  float const this_amax = expected.amax()[0];
  expected.view().amax(0, 0) = delayed;
  nibble::quantize_with_amax(y_view, expected.view(), q);

  auto const codes = shared_memory<std::uint8_t>(expected.code_bytes().size());
  auto const scales = shared_memory<nibble::fp8_e4m3>(expected.scales().size());
  auto const out =
      *nibble::make_quantized_view<nibble::nvfp4_block, tiled>(codes, scales, amaxes, shape);
  amaxes[0] = delayed;
  amaxes[1] = 0;
  squared_relu_blocks<<<tokens * features / 16 / 256, 256>>>(x.data(), out, q, amaxes.data() + 1);
  bool const is_equal =
      cudaDeviceSynchronize() == cudaSuccess && amaxes[1] == this_amax &&
      std::memcmp(codes.data(), expected.code_bytes().data(), codes.size()) == 0 &&
      std::memcmp(scales.data(), expected.scales().data(), scales.size()) == 0;
  std::puts(is_equal ? "the bytes are the host's" : "the bytes differ from the host's");
  return is_equal ? 0 : 1;
}
