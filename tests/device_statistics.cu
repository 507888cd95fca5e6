// SPDX-License-Identifier: Apache-2.0
// 10^11 stochastic roundings and as many random bytes on the GPU, against what chance allows. That each
// rounding is the one its random word asks for is tested elsewhere, by enumeration; here the words, their
// places and the counting are.
//
//   nvcc -std=c++20 -O3 -arch=sm_90 -Iinclude tests/device_statistics.cu -o device_statistics
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <nibble/nibble.hpp>

namespace {

using nibble::random::philox4x32;

constexpr int strata = 64;                      // fractions of a step: (s + 1/2) / 64
constexpr std::uint64_t calls = 25'000'000'000;  // of four words each
constexpr int threads = 256, blocks = 132 * 16;

struct counts {
  unsigned long long up[strata];
  unsigned long long byte[256];
  unsigned long long unlike_next;  // bits in which a word differs from the one before
};

/// Rounds a number of every stratum with each word: word w serves stratum w mod 64.
__global__ void count(counts* result, philox4x32<> draw) {
  __shared__ unsigned long long up[strata], byte[256];
  for (int i = static_cast<int>(threadIdx.x); i < 256; i += threads) {
    byte[i] = 0;
    if (i < strata) up[i] = 0;
  }
  __syncthreads();
  std::uint64_t const step = std::uint64_t{threads} * blocks;
  unsigned long long unlike = 0;
  std::uint64_t const first = std::uint64_t{blockIdx.x} * threads + threadIdx.x;
  // A thread keeps its stratum: the number of threads is a multiple of 16 calls of four words.
  unsigned ups[4] = {};
  for (std::uint64_t call = first; call < calls; call += step) {
    auto const words = draw(call);
    std::uint32_t before = words.value[3];
    for (int i = 0; i < 4; ++i) {
      auto const stratum = static_cast<float>((call * 4 + static_cast<std::uint64_t>(i)) % strata);
      float const x = 1.0f + (stratum + 0.5f) / strata * 0.5f;  // between the codes 2 and 3
      auto const code = nibble::format::encode<nibble::format::e2m1, nibble::format::stochastic<24>>(
          x, words.value[i] & 0xFF'FFFFu);
      ups[i] += code == 3;
      unlike += static_cast<unsigned>(__popc(words.value[i] ^ before));
      before = words.value[i];
    }
    if (call % 16 == 0) atomicAdd(&byte[words.value[call / 16 % 4] >> (call / 64 % 4 * 8) & 0xFF], 1ull);
  }
  for (int i = 0; i < 4; ++i) atomicAdd(&up[(first * 4 + static_cast<unsigned>(i)) % strata], ups[i]);
  atomicAdd(&result->unlike_next, unlike);
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < 256; i += threads) {
    atomicAdd(&result->byte[i], byte[i]);
    if (i < strata) atomicAdd(&result->up[i], up[i]);
  }
}

int failures = 0;

void require(bool holds, char const* what, double value, double bound) {
  std::printf("%s %s: %.3g (bound %.3g)\n", holds ? "ok    " : "FAILED", what, value, bound);
  failures += holds ? 0 : 1;
}

}  // namespace

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("no CUDA device");
    return 77;
  }
  counts* there = nullptr;
  counts here{};
  if (cudaMalloc(&there, sizeof here) != cudaSuccess) return 1;
  cudaMemset(there, 0, sizeof here);
  count<<<blocks, threads>>>(there, philox4x32<>{20261127, 1});
  if (cudaMemcpy(&here, there, sizeof here, cudaMemcpyDeviceToHost) != cudaSuccess) return 1;

  double const each = static_cast<double>(calls) * 4 / strata, total = each * strata;
  double worst = 0, bias = 0;
  for (int s = 0; s < strata; ++s) {
    double const f = (s + 0.5) / strata;  // a multiple of 2^-24: the law is exact
    double const excess = static_cast<double>(here.up[s]) - each * f;
    worst = std::fmax(worst, std::fabs(excess) / std::sqrt(each * f * (1 - f)));
    bias += excess / total;
  }
  require(worst < 5.5, "largest deviation of a stratum, in standard deviations", worst, 5.5);
  require(std::fabs(bias) < 7.8e-6, "mean bias, in steps", std::fabs(bias), 7.8e-6);

  double bytes = 0, chi = 0;
  for (unsigned long long const n : here.byte) bytes += static_cast<double>(n);
  for (unsigned long long const n : here.byte) {
    double const excess = static_cast<double>(n) - bytes / 256;
    chi += excess * excess / (bytes / 256);
  }
  // Chi squared with 255 degrees of freedom by Wilson and Hilferty: 4.75 deviations is p = 1e-6.
  double const normal = (std::cbrt(chi / 255) - (1 - 2.0 / (9 * 255))) / std::sqrt(2.0 / (9 * 255));
  require(std::fabs(normal) < 4.75, "chi squared of bytes, in standard deviations", normal, 4.75);
  double const bits = total * 32;
  double const serial = (static_cast<double>(here.unlike_next) - bits / 2) / std::sqrt(bits / 4);
  require(std::fabs(serial) < 4.75, "bits unlike the word before, in standard deviations", serial, 4.75);
  std::printf("%.3g roundings, %.3g bytes\n", total, bytes);
  cudaFree(there);
  return failures == 0 ? 0 : 1;
}
