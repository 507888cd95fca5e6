// SPDX-License-Identifier: Apache-2.0
// What every benchmark on a GPU needs: the question for one, a check that ends the program, a timer,
// numbers, memory for a quantized matrix.
#pragma once

#include <thrust/device_vector.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <vector>

#include <nibble/bf16.hpp>
#include <nibble/device/status.cuh>
#include <nibble/random/philox.hpp>
#include <nibble/view.hpp>

namespace device_measure {

inline void require(bool condition, char const* what) {
  if (condition) return;
  std::printf("failed: %s (%s)\n", what, cudaGetErrorString(cudaGetLastError()));
  std::exit(1);
}
inline void require(nibble::device::status s, char const* what) {
  if (s != nibble::device::status::success) std::printf("%s\n", to_string(s));
  require(s == nibble::device::status::success, what);
}

/// The GPU that kernels run on; a line and nothing where there is none.
inline std::optional<cudaDeviceProp> card() {
  int device = 0;
  cudaDeviceProp properties{};
  if (cudaGetDevice(&device) == cudaSuccess &&
      cudaGetDeviceProperties(&properties, device) == cudaSuccess) {
    return properties;
  }
  std::puts("no CUDA device");
  return std::nullopt;
}

/// The median of 15 timings on the default stream, each of enough launches to fill `least`
/// milliseconds.
template <class Launch>
double milliseconds(Launch const& launch, double least = 2) {
  cudaEvent_t start{}, stop{};
  require(cudaEventCreate(&start) == cudaSuccess && cudaEventCreate(&stop) == cudaSuccess,
          "events");
  auto const time = [&](int repeats) {
    cudaEventRecord(start);
    for (int i = 0; i < repeats; ++i) launch();
    cudaEventRecord(stop);
    require(cudaEventSynchronize(stop) == cudaSuccess, "a launch");
    float elapsed = 0;
    cudaEventElapsedTime(&elapsed, start, stop);
    return static_cast<double>(elapsed) / repeats;
  };
  time(3);
  int const repeats = std::max(1, static_cast<int>(least / time(3)));
  std::vector<double> times(15);
  for (double& t : times) t = time(repeats);
  std::sort(times.begin(), times.end());
  cudaEventDestroy(start);
  cudaEventDestroy(stop);
  return times[7];
}

template <class T>
T* raw(thrust::device_vector<T>& v) {
  return thrust::raw_pointer_cast(v.data());
}

/// Numbers of many magnitudes, no ties to speak of.
inline thrust::device_vector<nibble::bf16> random_matrix(nibble::matrix_index rows,
                                                         nibble::matrix_index columns,
                                                         std::uint64_t seed) {
  std::vector<nibble::bf16> host(static_cast<std::size_t>(rows * columns));
  nibble::random::philox4x32<7> const source{seed, 2};
  for (std::size_t i = 0; i < host.size(); i += 4) {
    auto const words = source(i / 4);
    for (std::size_t j = 0; j < 4 && i + j < host.size(); ++j) {
      double const u = (words.value[j] & 0xFFFF) * 0x1p-15 - 1;
      host[i + j] = nibble::bf16(static_cast<float>(u * (1 << (words.value[j] >> 29))));
    }
  }
  return thrust::device_vector<nibble::bf16>(host.begin(), host.end());
}

/// A quantized matrix in device memory.
template <class Block, class ScaleLayout>
struct device_matrix {
  using scale = typename Block::scale_type;
  nibble::quantized_shape<Block, ScaleLayout> shape;
  thrust::device_vector<std::uint8_t> codes, scales;
  thrust::device_vector<float> amax;

  explicit device_matrix(nibble::quantized_shape<Block, ScaleLayout> const& s)
      : shape(s),
        codes(static_cast<std::size_t>(s.code_bytes())),
        scales(static_cast<std::size_t>(s.scale_count()) * sizeof(scale)),
        amax(static_cast<std::size_t>(s.amax_count())) {}

  cuda::std::span<std::uint8_t> code_span() { return {raw(codes), codes.size()}; }
  cuda::std::span<scale> scale_span() {
    return {reinterpret_cast<scale*>(raw(scales)), scales.size() / sizeof(scale)};
  }
  cuda::std::span<float> amax_span() { return {raw(amax), amax.size()}; }
  nibble::quantized_view<Block, ScaleLayout> view() {
    return *nibble::make_quantized_view<Block, ScaleLayout>(code_span(), scale_span(), amax_span(),
                                                            shape);
  }
};

}  // namespace device_measure
