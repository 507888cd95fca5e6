// SPDX-License-Identifier: Apache-2.0
// An NVFP4 product as a kernel of one's own: D = alpha A B^T, one source for Blackwell's block-scaled
// tensor cores and for older ones, whose operands are decoded once a tile. Any M and N; K in blocks of 16.
// Build: nvcc -std=c++20 -O3 -arch=sm_90a -I include examples/custom_gemm.cu    Run: ./a.out [M N K]
#include <nibble/matrix.hpp>
#include <nibble/mma/block_tile.cuh>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

using namespace nibble;
using matrix = quantized_view<nvfp4_block const, layout::scale_tile_128x4>;

constexpr int tile_m = mma::block_tile::rows, tile_n = mma::block_tile::columns, tile_k = 64;
constexpr int block_size = mma::block_tile::threads;

struct stages {
  mma::stage<tile_m> a[2];
  mma::stage<tile_n> b[2];
};

/// Half a row of a stage, on its way from memory: two blocks. Rows past the end repeat the last one.
struct in_flight {
  std::uint8_t const* first_codes;
  fp8_e4m3 const* first_scales;
  uint4 codes;
  std::uint16_t scales;

  __device__ __forceinline__ void start(matrix const& from, matrix_index row, int half) {
    if (row >= from.rows()) row = from.rows() - 1;
    first_codes = from.codes.data_handle().bytes + row * from.codes.stride(0) / 2 + 16 * half;
    // A tile holds four scales of a row, whether the row has so many or not.
    first_scales = &from.scales(row, 0) + 2 * half;
  }
  /// From column k on: 32 bytes a row further, and 512 scales, since 64 columns are one tile of them.
  /// `left` columns are there for this half; blocks beyond are zeros.
  __device__ __forceinline__ void fetch(matrix_index k, matrix_index left, bool is_aligned) {
    auto const* const at = first_codes + k / 2;
    scales = *reinterpret_cast<std::uint16_t const*>(first_scales + k * 8);
    if (is_aligned && left >= 32) {
      codes = *reinterpret_cast<uint4 const*>(at);
    } else {
      uint2 const zero{}, low = left >= 16 ? *reinterpret_cast<uint2 const*>(at) : zero;
      uint2 const high = left >= 32 ? *reinterpret_cast<uint2 const*>(at + 8) : zero;
      codes = make_uint4(low.x, low.y, high.x, high.y);
    }
  }
};

__global__ void __launch_bounds__(block_size, 1) gemm(matrix a, matrix b, float alpha, bf16* d) {
  extern __shared__ __align__(1024) uint4 memory[];
  auto& shared = *reinterpret_cast<stages*>(memory);
  int const thread = static_cast<int>(threadIdx.x);
  int const row = thread / 2, half = thread % 2;  // of A, and of B twice: what this thread stages
  matrix_index const first_m = matrix_index{blockIdx.x} * tile_m,
                     first_n = matrix_index{blockIdx.y} * tile_n;

  in_flight next[3];
  next[0].start(a, first_m + row, half);
  next[1].start(b, first_n + row, half);
  next[2].start(b, first_n + 128 + row, half);
  auto const put = [&](int buffer, int part) {
    if (part == 0) shared.a[buffer].put(row, half, next[0].codes, next[0].scales);
    if (part == 1) shared.b[buffer].put(row, half, next[1].codes, next[1].scales);
    if (part == 2) shared.b[buffer].put(128 + row, half, next[2].codes, next[2].scales);
  };
  matrix_index const depth = a.columns(), last = (depth - 1) / tile_k * tile_k;
  // Past the end it stages the last operands again, into the buffer that nobody reads.
  auto const fetch = [&](int part, matrix_index k) {
    if (k > last) k = last;
    next[part].fetch(k, depth - k - 32 * half, depth % 32 == 0);
  };
#pragma unroll
  for (int part = 0; part < 3; ++part) {
    fetch(part, 0);
    put(0, part);
    fetch(part, tile_k);
  }
  mma::publish_stages();

  mma::block_tile tile;
  for (matrix_index k = 0; k < depth; k += tile_k) {
    int const now = static_cast<int>(k / tile_k % 2);
    tile.multiply_add(shared.a[now], shared.b[now], [&](int step) {
      if (step == 3) return;
      put(1 - now, step);
      fetch(step, k + 2 * tile_k);
    });
    mma::publish_stages();
  }

  for (int f = 0; f < mma::block_tile::fragments; ++f) {
    for (int i = 0; i < 4; i += 2) {
      auto const at = tile.element(f, i);
      matrix_index const m = first_m + at.row, n = first_n + at.column;
      if (m >= a.rows() || n >= b.rows()) continue;
      bf16* const to = d + m * b.rows() + n;
      bf16 const left(alpha * tile.value(f, i)), right(alpha * tile.value(f, i + 1));
      if (b.rows() % 2 == 0) {
        *reinterpret_cast<std::uint32_t*>(to) = left.bits() | std::uint32_t{right.bits()} << 16;
      } else {
        to[0] = left;
        if (n + 1 < b.rows()) to[1] = right;
      }
    }
  }
}

/// A quantized matrix of uneven numbers, on both sides.
struct on_both_sides {
  quantized_by<quantizer<>, layout::scale_tile_128x4> host;
  std::uint8_t* codes = nullptr;
  fp8_e4m3* scales = nullptr;
  float* amax = nullptr;

  on_both_sides(matrix_index rows, matrix_index columns, std::uint32_t seed)
      : host(shape_for<quantizer<>, layout::scale_tile_128x4>(rows, columns)) {
    std::vector<bf16> values(static_cast<std::size_t>(rows * columns));
    for (auto& value : values) {
      seed = seed * 1664525 + 1013904223;
      value = bf16(static_cast<float>(static_cast<int>(seed >> 8) % 2001 - 1000) /
                   static_cast<float>(1 << (seed >> 28)));
    }
    quantize(
        *make_matrix_view(cuda::std::span<bf16 const>(values.data(), values.size()), rows, columns),
        host.view(), quantizer<>{});
    auto const copy = [](auto*& to, auto const& from) {
      if (cudaMalloc(&to, from.size() * sizeof(from[0])) != cudaSuccess) return;
      cudaMemcpy(to, from.data(), from.size() * sizeof(from[0]), cudaMemcpyHostToDevice);
    };
    copy(codes, host.code_bytes());
    copy(scales, host.scales());
    copy(amax, host.amax());
  }
  matrix view() const {
    auto const size = [](auto const& v) { return v.size(); };
    return *make_quantized_view<nvfp4_block const, layout::scale_tile_128x4>(
        cuda::std::span<std::uint8_t const>(codes, size(host.code_bytes())),
        cuda::std::span<fp8_e4m3 const>(scales, size(host.scales())),
        cuda::std::span<float const>(amax, size(host.amax())), host.shape());
  }
  double element(matrix_index row, matrix_index k) const {
    auto const v = host.view();
    return static_cast<double>(static_cast<float>(v.codes(row, k))) *
           static_cast<double>(static_cast<float>(v.scale(row, k / 16)));
  }
};

}  // namespace

int main(int argc, char** argv) {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
    std::puts("no CUDA device");
    return 77;
  }
  matrix_index const m = argc == 4 ? std::atoll(argv[1]) : 1024,
                     n = argc == 4 ? std::atoll(argv[2]) : 1024,
                     k = argc == 4 ? std::atoll(argv[3]) : 1024;
  if (m <= 0 || n <= 0 || k <= 0 || k % 16 != 0) {
    std::puts("need positive M and N, and a K that is a multiple of 16");
    return 2;
  }
  on_both_sides const a(m, k, 1), b(n, k, 2);
  float const alpha = fold_alpha<quantizer<>, quantizer<>>(1.0f, tensor_amax{a.host.amax()[0]},
                                                           tensor_amax{b.host.amax()[0]});
  bf16* d = nullptr;
  std::vector<bf16> result(static_cast<std::size_t>(m * n));
  cudaMalloc(&d, result.size() * sizeof(bf16));
  cudaFuncSetAttribute(gemm, cudaFuncAttributeMaxDynamicSharedMemorySize, sizeof(stages));
  dim3 const grid(static_cast<unsigned>((m + tile_m - 1) / tile_m),
                  static_cast<unsigned>((n + tile_n - 1) / tile_n));
  auto const launch = [&] {
    gemm<<<grid, block_size, sizeof(stages)>>>(a.view(), b.view(), alpha, d);
  };

  launch();
  if (cudaMemcpy(result.data(), d, result.size() * sizeof(bf16), cudaMemcpyDeviceToHost) !=
      cudaSuccess) {
    std::puts(cudaGetErrorString(cudaGetLastError()));
    return 1;
  }
  int wrong = 0;
  for (int sample = 0; sample < 2000; ++sample) {  // every lane of every warp, and more
    matrix_index const i = sample * 7919 % m, j = sample * 104729 % n;
    double sum = 0, magnitude = 0;
    for (matrix_index x = 0; x < k; ++x) {
      double const term = a.element(i, x) * b.element(j, x) * static_cast<double>(alpha);
      sum += term;
      magnitude += term < 0 ? -term : term;
    }
    double const got =
        static_cast<double>(static_cast<float>(result[static_cast<std::size_t>(i * n + j)]));
    wrong +=
        !(std::abs(got - sum) <= 0x1p-8 * std::abs(sum) + 0x1p-16 * magnitude);  // bf16, FP32 sums
  }

  cudaEvent_t start{}, stop{};
  cudaEventCreate(&start);
  cudaEventCreate(&stop);
  float milliseconds = 1e30f;
  for (int repeat = 0; repeat < 20; ++repeat) {
    cudaEventRecord(start);
    launch();
    cudaEventRecord(stop);
    cudaEventSynchronize(stop);
    float elapsed = 0;
    cudaEventElapsedTime(&elapsed, start, stop);
    if (elapsed < milliseconds) milliseconds = elapsed;
  }
  std::printf("%lld x %lld x %lld: %d of 2000 samples wrong, best %.3f ms, %.0f TFLOP/s\n",
              static_cast<long long>(m), static_cast<long long>(n), static_cast<long long>(k),
              wrong, static_cast<double>(milliseconds),
              2e-9 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) /
                  static_cast<double>(milliseconds));
  return wrong == 0 && cudaGetLastError() == cudaSuccess ? 0 : 1;
}
