// SPDX-License-Identifier: Apache-2.0
// The kernels' share of the copy bandwidth that the card has in the same run, counting the fewest bytes
// that must move. Checks a sample of each result against the host before it is timed.
//
//   nvcc -std=c++20 -O3 -arch=sm_90 -I include bench/device_bench.cu && ./a.out [rows columns]
#include <thrust/device_vector.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <nibble/nibble.cuh>

namespace {

using namespace nibble;

void require(bool condition, char const* what) {
  if (condition) return;
  std::printf("failed: %s (%s)\n", what, cudaGetErrorString(cudaGetLastError()));
  std::exit(1);
}

/// The median of 21 timings, each of enough launches to fill 2 ms.
template <class Launch>
double milliseconds(Launch const& launch) {
  cudaEvent_t start{}, stop{};
  cudaEventCreate(&start);
  cudaEventCreate(&stop);
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
  int const repeats = std::max(1, static_cast<int>(2.0 / time(3)));
  std::vector<double> times(21);
  for (double& t : times) t = time(repeats);
  std::sort(times.begin(), times.end());
  cudaEventDestroy(start);
  cudaEventDestroy(stop);
  return times[10];
}

double bytes_per_millisecond = 0;  // the copy's, set first

void report(char const* name, double bytes, double ms) {
  std::printf("%-34s %8.4f ms  %6.2f TB/s  %5.1f %% of copy\n", name, ms, bytes / ms / 1e9,
              100 * bytes / ms / bytes_per_millisecond);
}

template <class Quantizer, class ScaleLayout = cuda::std::layout_right>
void measure(char const* name, matrix_view<bf16 const> const& in, Quantizer const& q) {
  using scale = typename Quantizer::scale_type;
  auto const shape = shape_for<Quantizer, ScaleLayout>(in.extent(0), in.extent(1));
  thrust::device_vector<std::uint8_t> codes(static_cast<std::size_t>(shape.code_bytes()));
  thrust::device_vector<std::uint8_t> scales(static_cast<std::size_t>(shape.scale_count()) * sizeof(scale));
  thrust::device_vector<float> amax(1);
  auto const out = *make_quantized_view<typename Quantizer::block_type, ScaleLayout>(
      cuda::std::span<std::uint8_t>(thrust::raw_pointer_cast(codes.data()), codes.size()),
      cuda::std::span<scale>(reinterpret_cast<scale*>(thrust::raw_pointer_cast(scales.data())),
                             static_cast<std::size_t>(shape.scale_count())),
      cuda::std::span<float>(thrust::raw_pointer_cast(amax.data()), 1), shape);
  cuda::stream_ref const stream{cudaStream_t{}};
  require(device::quantize(stream, in, out, q) == device::status::success, name);
  require(cudaDeviceSynchronize() == cudaSuccess, name);

  // The first rows, on the host, under the device's amax.
  matrix_index const rows = std::min<matrix_index>(64, in.extent(0));
  std::vector<bf16> sample(static_cast<std::size_t>(rows * in.extent(1)));
  cudaMemcpy(sample.data(), in.data_handle(), sample.size() * sizeof(bf16), cudaMemcpyDeviceToHost);
  auto const sample_view =
      *make_matrix_view(cuda::std::span<bf16>(sample.data(), sample.size()), rows, in.extent(1));
  quantized_by<Quantizer> expected(shape_for<Quantizer>(rows, in.extent(1)));
  expected.view().amax(0, 0) = amax[0];
  quantize_with_amax(sample_view, expected.view(), q);
  std::vector<std::uint8_t> got(expected.code_bytes().size());
  cudaMemcpy(got.data(), thrust::raw_pointer_cast(codes.data()), got.size(), cudaMemcpyDeviceToHost);
  require(got == expected.code_bytes(), "the codes equal the host's");

  double const elements = static_cast<double>(in.extent(0)) * static_cast<double>(in.extent(1));
  double const out_bytes = static_cast<double>(codes.size() + scales.size());
  report(name, 2 * elements + out_bytes,
         milliseconds([&] { (void)device::quantize_with_amax(stream, in, out, q); }));
}

}  // namespace

int main(int argc, char** argv) {
  matrix_index const rows = argc > 2 ? std::atoll(argv[1]) : 16384;
  matrix_index const columns = argc > 2 ? std::atoll(argv[2]) : 16384;
  int device = 0;
  cudaDeviceProp properties{};
  if (cudaGetDevice(&device) != cudaSuccess || cudaGetDeviceProperties(&properties, device) != cudaSuccess) {
    std::puts("no CUDA device");
    return 77;
  }
  int driver = 0;
  cudaDriverGetVersion(&driver);
  std::printf("%s, driver API %d, %lld x %lld bf16\n", properties.name, driver, static_cast<long long>(rows),
              static_cast<long long>(columns));

  auto const count = static_cast<std::size_t>(rows * columns);
  std::vector<bf16> host(count);
  random::philox4x32<7> const source{1, 2};
  for (std::size_t i = 0; i < count; i += 4) {
    auto const words = source(i / 4);
    for (std::size_t j = 0; j < 4 && i + j < count; ++j) {
      // Two bytes make a sum of uniforms, another a binade: many magnitudes, no ties to speak of.
      double const u = (words.value[j] & 0xFFFF) * 0x1p-15 - 1;
      host[i + j] = bf16(static_cast<float>(u * (1 << (words.value[j] >> 29))));
    }
  }
  thrust::device_vector<bf16> const x(host.begin(), host.end());
  auto const in = *make_matrix_view(
      cuda::std::span<bf16 const>(thrust::raw_pointer_cast(x.data()), x.size()), rows, columns);
  thrust::device_vector<bf16> y(count);

  double const bytes = 4.0 * static_cast<double>(count);
  double const copy = milliseconds([&] {
    cudaMemcpyAsync(thrust::raw_pointer_cast(y.data()), thrust::raw_pointer_cast(x.data()), 2 * count,
                    cudaMemcpyDeviceToDevice);
  });
  bytes_per_millisecond = bytes / copy;
  report("copy", bytes, copy);

  cuda::stream_ref const stream{cudaStream_t{}};
  thrust::device_vector<float> amax(1);
  using q = quantizer<>;
  auto const shape = shape_for<q>(rows, columns);
  thrust::device_vector<std::uint8_t> codes(static_cast<std::size_t>(shape.code_bytes()));
  thrust::device_vector<fp8_e4m3> scales(static_cast<std::size_t>(shape.scale_count()));
  auto const out = *make_quantized_view<nvfp4_block>(
      cuda::std::span<std::uint8_t>(thrust::raw_pointer_cast(codes.data()), codes.size()),
      cuda::std::span<fp8_e4m3>(thrust::raw_pointer_cast(scales.data()), scales.size()),
      cuda::std::span<float>(thrust::raw_pointer_cast(amax.data()), 1), shape);
  report("amax", 2.0 * static_cast<double>(count),
         milliseconds([&] { (void)device::find_amax(stream, in, out, q{}); }));

  measure("1x16, nearest", in, q{});
  measure("1x16, stochastic 8 bits", in, quantizer{scaling::amax<>{}, rounding::stochastic<>{{3, 4}}});
  measure("16x16 tiles", in, quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{});
  measure<q, layout::scale_tile_128x4>("1x16, nearest, 128x4 scales", in, q{});
  measure("1x16, Hadamard 16", in,
          quantizer{scaling::amax<>{}, rounding::nearest_even{}, transform::random_hadamard<16, bf16>{}});
  measure("4/6", in, quantizer{scaling::four_over_six<>{}});
  measure("MXFP4", in, quantizer<mxfp4_block, scaling::power_of_two<scaling::exponent_rule::round_up>>{});

  (void)device::quantize(stream, in, out, q{});
  auto const back = *make_matrix_view(cuda::std::span<bf16>(thrust::raw_pointer_cast(y.data()), count), rows,
                                      columns);
  require(device::dequantize(stream, out, back, q{}) == device::status::success, "dequantize");
  report("dequantize to bf16", 2.5625 * static_cast<double>(count),
         milliseconds([&] { (void)device::dequantize(stream, out, back, q{}); }));
}
