// SPDX-License-Identifier: Apache-2.0
// What a GPU does besides quantizing one matrix: many in one launch, another quantizer, other scales, a
// report. Share of the copy bandwidth of the same run, fewest bytes counted. The tests compare the bytes.
//
//   nvcc -std=c++20 -O3 -arch=sm_90a -I include bench/device_forms_bench.cu && ./a.out
#include <nibble/nibble.cuh>

#include <thrust/device_vector.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "device_measure.cuh"

namespace {

using namespace nibble;
using device_measure::device_matrix, device_measure::milliseconds, device_measure::require;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;

constexpr matrix_index tall = 16384, wide = 8192;
constexpr double elements = double{tall} * double{wide};
cuda::stream_ref const stream{cudaStream_t{}};

double bytes_per_millisecond = 0;  // the copy's, set first

template <class Launch>
void report(char const* name, double bytes, Launch const& launch) {
  double const ms = milliseconds([&] { require(launch() == device::status::success, name); });
  std::printf("%-44s %7.3f ms  %5.1f %% of copy\n", name, ms,
              100 * bytes / ms / bytes_per_millisecond);
}

__global__ void fill(bf16* to) {
  matrix_index const i = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
  auto const bits =
      static_cast<std::uint32_t>(static_cast<std::uint64_t>(i) * 0x9E37'79B9'7F4A'7C15u >> 40);
  to[i] = bf16(static_cast<float>(static_cast<int>(bits % 255) - 127) / 16);
}

/// tall rows in about equal groups, few of whose sizes are multiples of 16.
void report_groups(matrix_view<bf16> const& in, int groups) {
  std::vector<int> host(static_cast<std::size_t>(groups) + 1);
  for (int g = 1; g <= groups; ++g) {
    host[static_cast<std::size_t>(g)] =
        static_cast<int>(tall * g / groups) - (g < groups ? g % 7 : 0);
  }
  thrust::device_vector<int> const offsets(host.begin(), host.end());
  cuda::std::span<int const> const rows(thrust::raw_pointer_cast(offsets.data()), offsets.size());
  device_matrix<nvfp4_block, tiled> out(grouped_shape(shape_for<quantizer<>, tiled>(tall, wide), groups));
  auto const view = *make_grouped_view<nvfp4_block, tiled>(out.code_span(), out.scale_span(),
                                                           out.amax_span(), out.shape);
  char name[64];
  std::snprintf(name, sizeof name, "amax, %d groups", groups);
  report(name, 2 * elements,
         [&] { return device::find_amax_grouped(stream, in, rows, view, quantizer<>{}); });
  std::snprintf(name, sizeof name, "1x16 to 128x4 scales, %d groups", groups);
  report(name, 2.5625 * elements,
         [&] { return device::quantize_grouped_with_amax(stream, in, rows, view, quantizer<>{}); });
}

}  // namespace

int main() {
  if (!device_measure::card()) return 77;
  thrust::device_vector<bf16> values(tall * wide), copy(tall * wide);
  bf16* const first = thrust::raw_pointer_cast(values.data());
  fill<<<tall * wide / 256, 256>>>(first);
  auto const in = *make_matrix_view(cuda::std::span<bf16>(first, values.size()), tall, wide);
  std::size_t const bytes = values.size() * sizeof(bf16);
  double const ms = milliseconds([&] {
    cudaMemcpyAsync(thrust::raw_pointer_cast(copy.data()), first, bytes, cudaMemcpyDeviceToDevice);
  });
  bytes_per_millisecond = 2 * static_cast<double>(bytes) / ms;
  std::printf("%d x %d bf16: copy %.3f ms, %.2f TB/s\n", int{tall}, int{wide}, ms,
              bytes_per_millisecond / 1e9);

  quantizer<> const q;
  quantizer<mxfp4_block, scaling::power_of_two<>> const mx;
  device_matrix<nvfp4_block, plain> made(shape_for<quantizer<>>(tall, wide)),
      turned(shape_for<quantizer<>>(wide, tall));
  device_matrix<nvfp4_block, tiled> in_tiles(shape_for<quantizer<>, tiled>(tall, wide));
  device_matrix<mxfp4_block, plain> as_mx(shape_for<decltype(mx)>(tall, wide));
  require(device::quantize(stream, in, made.view(), q) == device::status::success, "quantize");
  auto const out = made.view();

  report("swizzle", elements / 8,
         [&] { return device::swizzle(stream, out.scales, in_tiles.view().scales); });
  report("unswizzle", elements / 8,
         [&] { return device::unswizzle(stream, in_tiles.view().scales, out.scales); });
  report("requantize to MXFP4, amax given", elements * (0.5625 + 0.53125),
         [&] { return device::requantize_with_amax(stream, out, q, as_mx.view(), mx); });
  report("requantize the transpose, amax given", elements * 1.125, [&] {
    return device::requantize_with_amax(stream, out, q, turned.view(), q, orientation::transposed);
  });
  report("requantize the transpose, amax found", elements * 1.6875, [&] {
    return device::requantize(stream, out, q, turned.view(), q, orientation::transposed);
  });

  thrust::device_vector<random::philox_state> const state(1);
  quantizer const by_value{scaling::amax<>{}, rounding::stochastic<>{{1, 2}}};
  using in_memory = rounding::stochastic<8, random::philox_in_memory<>>;
  quantizer const by_memory{scaling::amax<>{}, in_memory{{thrust::raw_pointer_cast(state.data())}}};
  report("1x16 stochastic, seed by value", elements * 2.5625,
         [&] { return device::quantize_with_amax(stream, in, out, by_value); });
  report("1x16 stochastic, seed in memory", elements * 2.5625,
         [&] { return device::quantize_with_amax(stream, in, out, by_memory); });
  for (int const groups : {1, 8, 64, 256}) report_groups(in, groups);

  thrust::device_vector<error_report> reports(device::compare_pieces + 1);
  auto* const pieces = thrust::raw_pointer_cast(reports.data());
  report("report of errors", elements * 2.5625, [&] {
    return device::compare(stream, in, out, q, {pieces, std::size_t{device::compare_pieces}},
                           pieces + device::compare_pieces);
  });
}
