// SPDX-License-Identifier: Apache-2.0
// Few rows against quantized weights: time, share of the bandwidth bound (4.5 bits a weight at the copy
// speed of the same run), reading the same weights and nothing else, and ratio to cuBLAS in bf16. cuBLAS is opened at run time, so that the build
// needs none. Weights rotate through more memory than the L2 cache holds.
//
//   nvcc -std=c++20 -O3 -arch=sm_90a -I include bench/weight_only_bench.cu && ./a.out
#include <cublas_v2.h>
#include <dlfcn.h>
#include <thrust/device_vector.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <nibble/device/weight_only.cuh>
#include <nibble/quantized_matrix.hpp>
#include <nibble/quantizer.hpp>

#include "device_measure.cuh"

namespace {

using namespace nibble;
using device_measure::require;

// Overloaded in C++, so that decltype cannot name it.
using gemm_ex = cublasStatus_t (*)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int, int,
                                   int, void const*, void const*, cudaDataType, int, void const*,
                                   cudaDataType, int, void const*, void*, cudaDataType, int,
                                   cublasComputeType_t, cublasGemmAlgo_t);

/// cuBLAS's bf16 product, or nothing where there is no cuBLAS.
struct vendor {
  cublasHandle_t handle = nullptr;
  gemm_ex gemm = nullptr;

  explicit vendor(cudaStream_t stream) {
    void* const library = dlopen("libcublas.so.13", RTLD_NOW);
    if (library == nullptr) {
      std::puts("no libcublas.so.13: ratios are left out");
      return;
    }
    auto const create =
        reinterpret_cast<decltype(&cublasCreate_v2)>(dlsym(library, "cublasCreate_v2"));
    auto const use =
        reinterpret_cast<decltype(&cublasSetStream_v2)>(dlsym(library, "cublasSetStream_v2"));
    auto const work =
        reinterpret_cast<decltype(&cublasSetWorkspace_v2)>(dlsym(library, "cublasSetWorkspace_v2"));
    gemm = reinterpret_cast<gemm_ex>(dlsym(library, "cublasGemmEx"));
    void* workspace = nullptr;
    require(create(&handle) == CUBLAS_STATUS_SUCCESS &&
                cudaMalloc(&workspace, 64 << 20) == cudaSuccess &&
                use(handle, stream) == CUBLAS_STATUS_SUCCESS &&
                work(handle, workspace, 64 << 20) == CUBLAS_STATUS_SUCCESS,
            "cuBLAS");
  }
  /// out (rows x n) = x (rows x k) W^T (n x k), all row after row.
  void operator()(bf16 const* x, bf16 const* w, bf16* out, int rows, int n, int k) const {
    float const one = 1.0f, zero = 0.0f;
    require(gemm(handle, CUBLAS_OP_T, CUBLAS_OP_N, n, rows, k, &one, w, CUDA_R_16BF, k, x,
                 CUDA_R_16BF, k, &zero, out, CUDA_R_16BF, n, CUBLAS_COMPUTE_32F,
                 CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS,
            "cublasGemmEx");
  }
};

/// Microseconds of one launch(i), i = 0 .. 39, replayed as a graph: the median of 15.
template <class Launch>
double microseconds(cudaStream_t stream, Launch const& launch) {
  constexpr int count = 40;
  launch(0);
  cudaGraph_t graph{};
  cudaGraphExec_t runnable{};
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  for (int i = 0; i < count; ++i) launch(i);
  cudaStreamEndCapture(stream, &graph);
  require(cudaGraphInstantiate(&runnable, graph, 0) == cudaSuccess, "a graph");
  cudaEvent_t start{}, stop{};
  cudaEventCreate(&start);
  cudaEventCreate(&stop);
  std::vector<float> times(15);
  cudaGraphLaunch(runnable, stream);
  for (float& time : times) {
    cudaEventRecord(start, stream);
    cudaGraphLaunch(runnable, stream);
    cudaEventRecord(stop, stream);
    require(cudaEventSynchronize(stop) == cudaSuccess, "a replay");
    cudaEventElapsedTime(&time, start, stop);
  }
  std::sort(times.begin(), times.end());
  cudaGraphExecDestroy(runnable);
  cudaGraphDestroy(graph);
  return static_cast<double>(times[7]) * 1e3 / count;
}

__global__ void fill_bytes(std::uint8_t* to, std::size_t count, unsigned lowest, unsigned span) {
  for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
       i += std::size_t{gridDim.x} * blockDim.x) {
    auto const mixed = (i + 1) * 0x9E37'79B9'7F4A'7C15u;
    to[i] = static_cast<std::uint8_t>(
        lowest + ((mixed ^ mixed >> 29) * 0xBF58'476D'1CE4'E5B9u >> 40) % span);
  }
}
template <class View>
__global__ void decode(View w, bf16* to) {
  for (matrix_index i = blockIdx.x * matrix_index{blockDim.x} + threadIdx.x;
       i < w.rows() * w.columns(); i += matrix_index{gridDim.x} * blockDim.x) {
    matrix_index const row = i / w.columns(), column = i % w.columns();
    to[i] = bf16(static_cast<float>(w.codes(row, column)) *
                 static_cast<float>(w.scale(row, column / 16)));
  }
}

/// Reads codes and scales, a piece of each by each block: as fast as weights can come at all.
__global__ void __launch_bounds__(512) read(uint4 const* codes, std::size_t code_count,
                                            uint4 const* scales, std::size_t scale_count,
                                            unsigned* to) {
  unsigned seen = 0;
  auto const part = [&](uint4 const* from, std::size_t count) {
    constexpr int ahead = 8;
    std::size_t const piece = (count + gridDim.x - 1) / gridDim.x, first = blockIdx.x * piece;
    std::size_t const last = first + piece < count ? first + piece : count;
    for (std::size_t i = first + threadIdx.x; i < last; i += ahead * blockDim.x) {
      unsigned words[ahead][4] = {};
#pragma unroll
      for (int j = 0; j < ahead; ++j) {
#if NIBBLE_HAS_MMA_F16
        std::size_t const at = i + static_cast<std::size_t>(j) * blockDim.x;
        if (at < last) arch::ptx::ld_global_nc_once_v4_u32(words[j], from + at);
#endif
      }
#pragma unroll
      for (int j = 0; j < ahead; ++j) seen ^= words[j][0] ^ words[j][1] ^ words[j][2] ^ words[j][3];
    }
  };
  part(codes, code_count);
  part(scales, scale_count);
  if (seen == 0x1234'5678u) *to = seen;  // so that no load is left out
}

double copy_speed(cudaStream_t stream) {  // bytes read and written, a microsecond
  constexpr std::size_t size = std::size_t{1} << 30;
  thrust::device_vector<std::uint8_t> from(size), to(size);
  return 2.0 * static_cast<double>(size) / microseconds(stream, [&](int) {
           cudaMemcpyAsync(thrust::raw_pointer_cast(to.data()),
                           thrust::raw_pointer_cast(from.data()), size, cudaMemcpyDeviceToDevice,
                           stream);
         });
}

void measure(cudaStream_t stream, vendor const& cublas, double speed, int multiprocessors, int n,
             int k) {
  auto const shape = shape_for<quantizer<>>(n, k);
  std::size_t const elements = static_cast<std::size_t>(n) * static_cast<std::size_t>(k);
  int const copies = static_cast<int>(std::clamp<std::size_t>(400'000'000 / elements, 2, 20));
  auto const code_bytes = static_cast<std::size_t>(shape.code_bytes()),
             scale_count = static_cast<std::size_t>(shape.scale_count());
  thrust::device_vector<std::uint8_t> codes(code_bytes * static_cast<std::size_t>(copies)),
      scales(scale_count * static_cast<std::size_t>(copies));
  thrust::device_vector<float> amax(1, 2688.0f);
  thrust::device_vector<bf16> x(32 * static_cast<std::size_t>(k)),
      decoded(elements * static_cast<std::size_t>(copies));
  thrust::device_vector<bf16> ours(32 * static_cast<std::size_t>(n)),
      theirs(32 * static_cast<std::size_t>(n));
  fill_bytes<<<1024, 256>>>(thrust::raw_pointer_cast(codes.data()), codes.size(), 0, 256);
  fill_bytes<<<1024, 256>>>(thrust::raw_pointer_cast(scales.data()), scales.size(), 0x30, 16);
  std::vector<bf16> values(x.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = bf16(static_cast<float>(static_cast<int>(i * 7919 % 257) - 128) / 64.0f);
  thrust::copy(values.begin(), values.end(), x.begin());
  auto const weights = [&](int i) {
    auto const at = static_cast<std::size_t>(i % copies);
    return *make_quantized_view<nvfp4_block const>(
        cuda::std::span<std::uint8_t const>(
            thrust::raw_pointer_cast(codes.data()) + at * code_bytes, code_bytes),
        cuda::std::span<fp8_e4m3 const>(
            reinterpret_cast<fp8_e4m3 const*>(thrust::raw_pointer_cast(scales.data())) +
                at * scale_count,
            scale_count),
        cuda::std::span<float const>(thrust::raw_pointer_cast(amax.data()), 1), shape);
  };
  for (int i = 0; i < copies; ++i) {
    decode<<<4096, 256>>>(weights(i), thrust::raw_pointer_cast(decoded.data()) +
                                          elements * static_cast<std::size_t>(i));
  }
  require(cudaDeviceSynchronize() == cudaSuccess, "the weights");
  thrust::device_vector<unsigned> seen(1);
  double const reading = microseconds(stream, [&](int i) {
    auto const at = static_cast<std::size_t>(i % copies);
    read<<<static_cast<unsigned>(2 * multiprocessors), 512, 0, stream>>>(
        reinterpret_cast<uint4 const*>(thrust::raw_pointer_cast(codes.data()) + at * code_bytes),
        code_bytes / 16,
        reinterpret_cast<uint4 const*>(thrust::raw_pointer_cast(scales.data()) + at * scale_count),
        scale_count / 16, thrust::raw_pointer_cast(seen.data()));
  });
  std::printf("%6d x %6d, reading alone: %7.2f us, %.2f TB/s\n", n, k, reading,
              0.5625e-6 * static_cast<double>(elements) / reading);
  for (int const rows : {1, 4, 8, 16, 32}) {
    auto const in = *make_matrix_view(
        cuda::std::span<bf16 const>(thrust::raw_pointer_cast(x.data()),
                                    static_cast<std::size_t>(rows) * static_cast<std::size_t>(k)),
        rows, k);
    auto const out = *make_matrix_view(
        cuda::std::span<bf16>(thrust::raw_pointer_cast(ours.data()),
                              static_cast<std::size_t>(rows) * static_cast<std::size_t>(n)),
        rows, n);
    auto const product = [&](int i) {
      require(device::weight_only_product(cuda::stream_ref{stream}, in, weights(i), quantizer<>{},
                                          out) == device::status::success,
              "weight_only_product");
    };
    auto const vendor_product = [&](int i) {
      cublas(thrust::raw_pointer_cast(x.data()),
             thrust::raw_pointer_cast(decoded.data()) +
                 elements * static_cast<std::size_t>(i % copies),
             thrust::raw_pointer_cast(theirs.data()), rows, n, k);
    };
    double bf16_time = 0;
    if (cublas.gemm != nullptr) {
      product(1);
      vendor_product(1);
      require(cudaStreamSynchronize(stream) == cudaSuccess, "a product");
      std::vector<bf16> a(ours.size()), b(theirs.size());
      thrust::copy(ours.begin(), ours.end(), a.begin());
      thrust::copy(theirs.begin(), theirs.end(), b.begin());
      double largest = 0, error = 0;
      for (std::size_t i = 0; i < static_cast<std::size_t>(rows) * static_cast<std::size_t>(n);
           ++i) {
        double const y = static_cast<double>(static_cast<float>(b[i]));
        largest = std::max(largest, std::abs(y));
        error = std::max(error, std::abs(static_cast<double>(static_cast<float>(a[i])) - y));
      }
      require(largest > 0 && error <= largest * 0x1p-7,
              "the product equals cuBLAS's up to bf16 rounding");
      bf16_time = microseconds(stream, vendor_product);
    }
    double const time = microseconds(stream, product);
    double const bytes = 0.5625 * static_cast<double>(elements) + 2.0 * rows * (n + k);
    std::printf(
        "%6d x %6d, %2d rows: %7.2f us, %5.1f %% of the bandwidth bound, bf16 cuBLAS %7.2f us: "
        "%.2fx\n",
        n, k, rows, time, 100 * bytes / speed / time, bf16_time, bf16_time / time);
  }
}

/// cuBLAS's own bf16 rate, to set examples/custom_gemm against.
void measure_square(cudaStream_t stream, vendor const& cublas, int size) {
  auto const elements = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  thrust::device_vector<bf16> a(elements), b(elements), d(elements);
  fill_bytes<<<1024, 256>>>(reinterpret_cast<std::uint8_t*>(thrust::raw_pointer_cast(a.data())),
                            2 * elements, 0x30, 16);
  fill_bytes<<<1024, 256>>>(reinterpret_cast<std::uint8_t*>(thrust::raw_pointer_cast(b.data())),
                            2 * elements, 0x30, 16);
  double const time = microseconds(stream, [&](int) {
    cublas(thrust::raw_pointer_cast(a.data()), thrust::raw_pointer_cast(b.data()),
           thrust::raw_pointer_cast(d.data()), size, size, size);
  });
  std::printf("cuBLAS bf16 %d^3: %.0f TFLOP/s\n", size,
              2e-6 * std::pow(static_cast<double>(size), 3) / time);
}

}  // namespace

int main(int argc, char** argv) {
  auto const card = device_measure::card();
  if (!card) return 77;
  cudaStream_t stream{};
  require(cudaStreamCreate(&stream) == cudaSuccess, "a stream");
  double const speed = copy_speed(stream);
  std::printf("%s, copy %.2f TB/s\n", card->name, speed * 1e-6);
  vendor const cublas(stream);
  if (argc == 3) {
    measure(stream, cublas, speed, card->multiProcessorCount, std::atoi(argv[1]),
            std::atoi(argv[2]));
    return 0;
  }
  if (cublas.gemm != nullptr) {
    for (int const size : {4096, 8192}) measure_square(stream, cublas, size);
  }
  for (auto const& [n, k] : {std::pair{4096, 4096},
                             {14336, 4096},
                             {4096, 14336},
                             {8192, 8192},
                             {28672, 8192},
                             {16384, 16384}}) {
    measure(stream, cublas, speed, card->multiProcessorCount, n, k);
  }
}
