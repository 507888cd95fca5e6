// SPDX-License-Identifier: Apache-2.0
// RMSNorm that quantizes what it makes: the normalized matrix never goes to memory. A first pass finds
// its amax, a second makes it again and writes blocks. One warp a token; a pair of lanes makes a block.
#include <nibble/nibble.cuh>

#include <cstdio>
#include <cstdlib>
#include <cstring>

using nibble::bf16;
using nibble::matrix_index;
namespace arch = nibble::arch;
constexpr matrix_index tokens = 300, features = 1024;
using matrix = nibble::quantized_view<nibble::nvfp4_block>;
using quantizer = nibble::quantizer<>;

/// 1 / sqrt(mean + epsilon), correctly rounded steps: the same on both sides.
NIBBLE_HD float scale_of(float sum_of_squares) {
  float const mean = arch::multiply(sum_of_squares, 1.0f / float{features});
  return arch::divide(1.0f, sqrtf(arch::add(mean, 1e-5f)));
}
NIBBLE_HD float normalized(float x, float scale, float weight) {
  return arch::multiply(arch::multiply(x, scale), weight);
}

template <bool AmaxOnly>
__global__ void rms_norm(bf16 const* x, float const* weight, matrix out, quantizer q) {
  matrix_index const row = blockIdx.x * 8 + threadIdx.x / 32;
  int const lane = static_cast<int>(threadIdx.x) % 32;
  if (row >= tokens) return;  // whole warps
  float values[features / 256][8], sum = 0;
  for (int i = 0; i < features / 256; ++i) {  // 32 lanes, eight values each
    nibble::device::load_vectors(x + row * features + i * 256 + lane * 8, values[i]);
    for (float const v : values[i]) sum = arch::add(sum, arch::multiply(v, v));
  }
  for (int step = 16; step > 0; step /= 2) {
    sum = arch::add(sum, __shfl_xor_sync(0xFFFF'FFFFu, sum, step));
  }
  auto const factors = quantizer::prepare({AmaxOnly ? 0.0f : out.amax(0, 0)});
  std::uint32_t largest = 0;
  for (int i = 0; i < features / 256; ++i) {
    matrix_index const column = i * 256 + lane * 8;
    for (int j = 0; j < 8; ++j) {
      values[i][j] = normalized(values[i][j], scale_of(sum), weight[column + j]);
    }
    if constexpr (AmaxOnly) {
      std::uint32_t const found = nibble::scaling::row_amax_bits(values[i]);
      largest = found > largest ? found : largest;
    } else {
      auto const made = nibble::device::quantize_by_lanes(
          values[i], q, factors, static_cast<std::uint64_t>(row * features + column));
      auto* const codes = nibble::device::code_address(out, row, column / 16);
      nibble::device::store_codes<false>(made.codes, codes + column % 16 / 2);
      if (lane % 2 == 0) out.scales(row, column / 16) = made.scale;
    }
  }
  if constexpr (AmaxOnly) {
    largest = __reduce_max_sync(0xFFFF'FFFFu, largest);
    if (lane == 0) nibble::device::raise_amax(out.amax(0, 0), largest);
  }
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
  auto const weight = shared_memory<float>(features), amax = shared_memory<float>(1);
  auto const y = shared_memory<float>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = bf16(float(int(i * 7919 % 257) - 128) / 16);
  for (std::size_t j = 0; j < features; ++j) weight[j] = 1 + float(j % 5) / 8;
  for (std::size_t i = 0; i < x.size(); i += features) {
    float sum = 0;  // exact, since x has few bits: so its order does not matter
    for (bf16 const v : x.subspan(i, features)) sum += float(v) * float(v);
    for (std::size_t j = 0; j < features; ++j) {
      y[i + j] = normalized(float(x[i + j]), scale_of(sum), weight[j]);
    }
  }
  auto const y_view = *nibble::make_matrix_view(y, tokens, features);
  auto const expected = nibble::quantized(y_view, quantizer{});
  auto const codes = shared_memory<std::uint8_t>(expected.code_bytes().size());
  auto const scales = shared_memory<nibble::fp8_e4m3>(expected.scales().size());
  auto const out =
      *nibble::make_quantized_view<nibble::nvfp4_block>(codes, scales, amax, expected.shape());
  amax[0] = 0;
  rms_norm<true><<<(tokens + 7) / 8, 256>>>(x.data(), weight.data(), out, quantizer{});
  rms_norm<false><<<(tokens + 7) / 8, 256>>>(x.data(), weight.data(), out, quantizer{});
  bool const is_equal =
      cudaDeviceSynchronize() == cudaSuccess && amax[0] == expected.amax()[0] &&
      std::memcmp(codes.data(), expected.code_bytes().data(), codes.size()) == 0 &&
      std::memcmp(scales.data(), expected.scales().data(), scales.size()) == 0;
  std::puts(is_equal ? "the bytes are the host's" : "the bytes differ from the host's");
  return is_equal ? 0 : 1;
}
