// SPDX-License-Identifier: Apache-2.0
// An NVFP4 product on the tensor cores of sm_100 to sm_110, by hand: D = alpha A B^T through tcgen05.
//
// IT HAS NOT RUN ON A GPU. No such GPU was at hand: its descriptors are checked on the host against the
// layouts they stand for, it assembles for sm_100a, 100f, 103a, 103f and 110a, and its PTX gives the
// host's product where it is interpreted (tests/interpreter). On a GPU that has the instructions it
// checks itself; elsewhere it says so and exits with 77. cuBLASLt is the product to use.
// Build: nvcc -std=c++20 -O3 -arch=sm_100a -I include examples/blackwell_gemm.cu
#include <nibble/arch/ptx.cuh>
#include <nibble/matrix.hpp>
#include <nibble/mma/tcgen05.hpp>

#include <cmath>
#include <cstdio>
#include <vector>

namespace {

using namespace nibble;
namespace tcgen05 = mma::tcgen05;
using tcgen05::code_tile;
using tcgen05::scale_tile;
using operand_view = quantized_view<nvfp4_block const, layout::scale_tile_128x4>;

constexpr int tile = 128, tile_k = code_tile::row_codes, block_size = 128;

/// One 128 x 256 piece of an operand: codes under the 128-byte swizzle, four tiles of scales.
struct piece {
  alignas(1024) std::uint8_t codes[tile * code_tile::row_bytes];
  alignas(128) std::uint8_t scales[code_tile::steps][scale_tile::bytes];
};

#if NIBBLE_HAS_TCGEN05
/// All threads bring a piece: rows of 128 bytes, 16 at a time, and whole tiles of scales.
__device__ void bring(piece& to, operand_view const& from, matrix_index row, matrix_index column) {
  int const thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < tile * 8; i += block_size) {
    auto const* const source = from.codes.data_handle().bytes +
                               ((row + i / 8) * from.codes.stride(0) + column) / 2 + i % 8 * 16;
    *reinterpret_cast<uint4*>(to.codes + code_tile::offset(i / 8, i % 8 * 16)) =
        *reinterpret_cast<uint4 const*>(source);
  }
  for (int i = thread; i < code_tile::steps * scale_tile::bytes / 16; i += block_size) {
    int const step = i / 32;
    auto const* const source =
        reinterpret_cast<uint4 const*>(&from.scales(row, column / 16 + 4 * step));
    reinterpret_cast<uint4*>(to.scales[step])[i % 32] = source[i % 32];
  }
}

__device__ std::uint32_t shared_address(void const* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}
#endif

/// One block of 128 threads makes 128 x 128 of D; M and N are multiples of 128, K of 256.
__global__ void __launch_bounds__(block_size)
    gemm([[maybe_unused]] operand_view a, [[maybe_unused]] operand_view b,
         [[maybe_unused]] float alpha, [[maybe_unused]] float* d) {
#if NIBBLE_HAS_TCGEN05
  namespace ptx = arch::ptx;
  __shared__ piece of_a, of_b;
  __shared__ unsigned long long done;
  __shared__ unsigned int base;
  // Columns of tensor memory: 128 of sums, then 16 of A's scales and 16 of B's; a power of two.
  constexpr int sums = 0, scales_a = 128, scales_b = 144;
  constexpr unsigned int columns = 256;
  constexpr std::uint32_t instruction = tcgen05::instruction_descriptor({tile, tile});
  static_assert(instruction != 0);
  int const warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  if (warp == 0) ptx::tcgen05_alloc(&base, columns);
  if (threadIdx.x == 0) ptx::mbarrier_init(&done, 1);
  ptx::fence_proxy_async();
  ptx::tcgen05_fence_before();
  __syncthreads();
  ptx::tcgen05_fence_after();

  matrix_index const first_m = matrix_index{blockIdx.x} * tile,
                     first_n = matrix_index{blockIdx.y} * tile;
  unsigned int parity = 0;
  for (matrix_index k = 0; k < a.columns(); k += tile_k) {
    bring(of_a, a, first_m, k);
    bring(of_b, b, first_n, k);
    ptx::fence_proxy_async();
    __syncthreads();
    if (threadIdx.x == 0) {
      for (int step = 0; step < code_tile::steps; ++step) {
        auto const at = [&](int first) {
          return tcgen05::tensor_address(base, 0, first + scale_tile::columns * step);
        };
        ptx::tcgen05_cp_32x128b_warpx4(at(scales_a),
                                       scale_tile::descriptor(shared_address(of_a.scales[step])));
        ptx::tcgen05_cp_32x128b_warpx4(at(scales_b),
                                       scale_tile::descriptor(shared_address(of_b.scales[step])));
        ptx::tcgen05_mma_mxf4nvf4_block16(
            base + sums, code_tile::descriptor(shared_address(of_a.codes), step),
            code_tile::descriptor(shared_address(of_b.codes), step), instruction, at(scales_a),
            at(scales_b), k > 0 || step > 0);
      }
      ptx::tcgen05_commit(&done);
    }
    // Shared memory is free again, and the sums complete, once the last instruction is done.
    while (!ptx::mbarrier_try_wait(&done, parity)) continue;
    parity ^= 1;
  }
  ptx::tcgen05_fence_after();

  matrix_index const row = first_m + 32 * warp + lane;  // a lane of tensor memory is a row
  for (int column = 0; column < tile; column += 8) {
    float values[8];
    ptx::tcgen05_ld_32x32b_x8(values, tcgen05::tensor_address(base, 32 * warp, sums + column));
    for (int i = 0; i < 8; ++i) d[row * b.rows() + first_n + column + i] = alpha * values[i];
  }
  ptx::tcgen05_fence_before();
  __syncthreads();
  ptx::tcgen05_fence_after();
  if (warp == 0) ptx::tcgen05_dealloc(base, columns);
#endif
}

/// Was the kernel built for this GPU? Only its own pass of the compiler knows.
__global__ void has_instructions(int* result) { *result = NIBBLE_HAS_TCGEN05; }

/// A quantized matrix of uneven numbers on both sides.
struct on_both_sides {
  quantized_by<quantizer<>, layout::scale_tile_128x4> host;
  std::uint8_t* codes = nullptr;
  fp8_e4m3* scales = nullptr;

  on_both_sides(matrix_index rows, matrix_index columns, std::uint32_t seed)
      : host(shape_for<quantizer<>, layout::scale_tile_128x4>(rows, columns)) {
    std::vector<float> values(static_cast<std::size_t>(rows * columns));
    for (float& value : values) {
      seed = seed * 1664525 + 1013904223;
      value = static_cast<float>(static_cast<int>(seed >> 8) % 2001 - 1000) /
              static_cast<float>(1 << (seed >> 28));
    }
    quantize(*make_matrix_view(cuda::std::span<float const>(values.data(), values.size()), rows,
                               columns),
             host.view(), quantizer<>{});
    cudaMalloc(&codes, host.code_bytes().size());
    cudaMalloc(&scales, host.scales().size());
    cudaMemcpy(codes, host.code_bytes().data(), host.code_bytes().size(), cudaMemcpyHostToDevice);
    cudaMemcpy(scales, host.scales().data(), host.scales().size(), cudaMemcpyHostToDevice);
  }
  operand_view view() const {
    auto const of_host = host.view();  // the kernel reads no amax: alpha holds it
    return *make_quantized_view<nvfp4_block const, layout::scale_tile_128x4>(
        cuda::std::span<std::uint8_t const>(codes, host.code_bytes().size()),
        cuda::std::span<fp8_e4m3 const>(scales, host.scales().size()),
        cuda::std::span<float const>(of_host.amax.data_handle(), 1), host.shape());
  }
};

}  // namespace

int main() {
  int count = 0, available = 0;
  int* on_device = nullptr;
  if (cudaGetDeviceCount(&count) == cudaSuccess && count > 0 &&
      cudaMalloc(&on_device, sizeof(int)) == cudaSuccess) {
    has_instructions<<<1, 1>>>(on_device);
    if (cudaMemcpy(&available, on_device, sizeof(int), cudaMemcpyDeviceToHost) != cudaSuccess)
      available = 0;
  }
  if (available == 0) {
    std::puts("no CUDA device with tcgen05, or not built for it; this kernel has never run on one");
    return 77;
  }
  constexpr matrix_index m = 256, n = 384, k = 1024;
  static_assert(m % tile == 0 && n % tile == 0 && k % tile_k == 0);
  on_both_sides const a(m, k, 1), b(n, k, 2);
  auto const of_a = a.host.view(), of_b = b.host.view();
  float const alpha = fold_alpha<quantizer<>, quantizer<>>(1.0f, tensor_amax{of_a.amax(0, 0)},
                                                           tensor_amax{of_b.amax(0, 0)});
  float* d = nullptr;
  std::vector<float> got(m * n), expected(m * n);
  cudaMalloc(&d, got.size() * sizeof(float));
  gemm<<<dim3(m / tile, n / tile), block_size>>>(a.view(), b.view(), alpha, d);
  if (cudaMemcpy(got.data(), d, got.size() * sizeof(float), cudaMemcpyDeviceToHost) !=
      cudaSuccess) {
    std::puts(cudaGetErrorString(cudaGetLastError()));
    return 1;
  }
  matmul<product::exact>(
      of_a, quantizer<>{}, of_b, quantizer<>{},
      *make_matrix_view(cuda::std::span<float>(expected.data(), expected.size()), m, n));
  double largest = 0, error = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    double const value = static_cast<double>(expected[i]);
    largest = std::fmax(largest, std::abs(value));
    double const difference = std::abs(static_cast<double>(got[i]) - value);
    error = std::isnan(difference) ? INFINITY : std::fmax(error, difference);  // fmax drops a NaN
  }
  std::printf("largest error %.3g of %.3g\n", error, largest);
  return error <= 1e-5 * largest ? 0 : 1;
}
