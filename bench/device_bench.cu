// SPDX-License-Identifier: Apache-2.0
// The kernels' share of the copy bandwidth that the card has in the same run, counting the fewest bytes
// that must move. Checks a sample of each result against the host before it is timed.
//
//   nvcc -std=c++20 -O3 -arch=sm_90 -I include bench/device_bench.cu && ./a.out [rows columns]
//   ./a.out sweep     from 2^20 to 2^32 elements, and 128x128 against an empty kernel
#include <thrust/device_vector.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <nibble/device/quantize_both.cuh>
#include <nibble/nibble.cuh>

#include "device_measure.cuh"

namespace {

using namespace nibble;
using device_measure::milliseconds, device_measure::require;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;

cuda::stream_ref default_stream() { return cuda::stream_ref{cudaStream_t{}}; }

double bytes_per_millisecond = 0;  // the copy's, set first

void report(char const* name, double bytes, double ms) {
  std::printf("%-38s %8.4f ms  %6.2f TB/s  %5.1f %% of copy\n", name, ms, bytes / ms / 1e9,
              100 * bytes / ms / bytes_per_millisecond);
}

/// What a quantizer makes, to be compared with the host.
template <class Quantizer, class ScaleLayout>
struct output : device_measure::device_matrix<typename Quantizer::block_type, ScaleLayout> {
  using block = typename Quantizer::block_type;
  using memory = device_measure::device_matrix<block, ScaleLayout>;
  using typename memory::scale;
  using memory::amax, memory::codes, memory::scales;

  output(matrix_index rows, matrix_index columns)
      : memory(shape_for<Quantizer, ScaleLayout>(rows, columns)) {}

  [[nodiscard]] double bytes() const { return static_cast<double>(codes.size() + scales.size()); }

  /// The codes of the first rows of `in`, on the host, under the device's amax, are the ones here.
  template <class T>
  void check(matrix_view<T const> const& in, Quantizer const& q, char const* name) {
    matrix_index const rows = std::min<matrix_index>(64, in.extent(0)), columns = in.extent(1);
    std::vector<T> sample(static_cast<std::size_t>(rows * columns));
    bool const is_turned = in.stride(1) != 1;
    auto const step = static_cast<std::size_t>(is_turned ? in.stride(1) : in.stride(0)) * sizeof(T);
    auto const width = static_cast<std::size_t>(is_turned ? rows : columns) * sizeof(T);
    cudaMemcpy2D(sample.data(), width, in.data_handle(), step, width,
                 static_cast<std::size_t>(is_turned ? columns : rows), cudaMemcpyDeviceToHost);
    cuda::std::array<matrix_index, 2> const strides{is_turned ? 1 : columns, is_turned ? rows : 1};
    matrix_view<T const> const view(sample.data(), {matrix_extents(rows, columns), strides});
    quantized_matrix<block, ScaleLayout> expected(shape_for<Quantizer, ScaleLayout>(rows, columns));
    expected.view().amax(0, 0) = amax[0];
    quantize_with_amax(view, expected.view(), q);
    std::vector<std::uint8_t> got(expected.code_bytes().size());
    cudaMemcpy(got.data(), thrust::raw_pointer_cast(codes.data()), got.size(),
               cudaMemcpyDeviceToHost);
    require(got == expected.code_bytes(), name);
    if constexpr (std::is_same_v<ScaleLayout, plain>) {
      std::vector<scale> found(static_cast<std::size_t>(expected.scales().size()));
      cudaMemcpy(found.data(), thrust::raw_pointer_cast(scales.data()),
                 found.size() * sizeof(scale), cudaMemcpyDeviceToHost);
      require(
          std::memcmp(found.data(), expected.scales().data(), found.size() * sizeof(scale)) == 0,
          name);
    }
  }
};

double elements_of(matrix_view<bf16 const> const& in) {
  return static_cast<double>(in.extent(0)) * static_cast<double>(in.extent(1));
}

template <class ScaleLayout = plain, class T, class Quantizer>
void measure(char const* name, matrix_view<T const> const& in, Quantizer const& q) {
  output<Quantizer, ScaleLayout> out(in.extent(0), in.extent(1));
  auto const view = out.view();
  require(device::quantize(default_stream(), in, view, q) == device::status::success, name);
  require(cudaDeviceSynchronize() == cudaSuccess, name);
  out.check(in, q, name);
  double const elements = static_cast<double>(in.extent(0)) * static_cast<double>(in.extent(1));
  report(name, static_cast<double>(sizeof(T)) * elements + out.bytes(),
         milliseconds([&] { (void)device::quantize_with_amax(default_stream(), in, view, q); }));
}

template <class ScaleLayout = plain, class T, class Rows, class Columns>
void measure_both(char const* name, matrix_view<T const> const& in, Rows const& q_rows,
                  Columns const& q_columns) {
  output<Rows, ScaleLayout> rows(in.extent(0), in.extent(1));
  output<Columns, ScaleLayout> columns(in.extent(1), in.extent(0));
  auto const row_view = rows.view();
  auto const column_view = columns.view();
  require(device::quantize_both(default_stream(), in, row_view, column_view, q_rows, q_columns) ==
              device::status::success,
          name);
  require(cudaDeviceSynchronize() == cudaSuccess, name);
  rows.check(in, q_rows, name);
  columns.check(transposed(in), q_columns, name);
  double const elements = static_cast<double>(in.extent(0)) * static_cast<double>(in.extent(1));
  report(name, static_cast<double>(sizeof(T)) * elements + rows.bytes() + columns.bytes(),
         milliseconds([&] {
           (void)device::quantize_both_with_amax(default_stream(), in, row_view, column_view,
                                                 q_rows, q_columns);
         }));
}

template <class Rows, class Columns>
void measure_both_amaxes(char const* name, matrix_view<bf16 const> const& in, Rows const& q_rows,
                         Columns const& q_columns) {
  output<Rows, plain> rows(in.extent(0), in.extent(1));
  output<Columns, plain> columns(in.extent(1), in.extent(0));
  auto const row_view = rows.view();
  auto const column_view = columns.view();
  report(name, 2 * elements_of(in), milliseconds([&] {
           (void)device::find_amax_both(default_stream(), in, row_view, column_view, q_rows,
                                        q_columns);
         }));
}

/// Many magnitudes: a sum of uniforms times one of 8 binades.
__global__ void fill(bf16* values, std::size_t count) {
  random::philox4x32<7> const source{1, 2};
  for (std::size_t i = 4 * (std::size_t{blockIdx.x} * blockDim.x + threadIdx.x); i < count;
       i += 4 * std::size_t{gridDim.x} * blockDim.x) {
    auto const words = source(i / 4);
    for (std::size_t j = 0; j < 4 && i + j < count; ++j) {
      float const u = static_cast<float>(words.value[j] & 0xFFFF) * 0x1p-15f - 1;
      values[i + j] = bf16(u * static_cast<float>(1 << (words.value[j] >> 29)));
    }
  }
}
__global__ void widen(bf16 const* from, float* to, std::size_t count) {
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count;
       i += std::size_t{gridDim.x} * blockDim.x) {
    to[i] = static_cast<float>(from[i]);
  }
}
__global__ void nothing() {}

using q = quantizer<>;
using rht = transform::random_hadamard<16, bf16>;
using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
constexpr auto stochastic() { return quantizer{scaling::amax<>{}, rounding::stochastic<>{{3, 4}}}; }
constexpr auto hadamard() { return quantizer{scaling::amax<>{}, rounding::nearest_even{}, rht{}}; }
constexpr auto stochastic_hadamard() {
  return quantizer{scaling::amax<>{}, rounding::stochastic<>{{3, 5}}, rht{}};
}

/// A matrix in device memory, and the copy bandwidth for its size.
struct input {
  matrix_index rows, columns;
  thrust::device_vector<bf16> x, y;

  input(matrix_index r, matrix_index c)
      : rows(r), columns(c), x(static_cast<std::size_t>(r * c)), y(x.size()) {
    fill<<<1024, 256>>>(thrust::raw_pointer_cast(x.data()), x.size());
    double const copy = milliseconds([&] {
      cudaMemcpyAsync(thrust::raw_pointer_cast(y.data()), thrust::raw_pointer_cast(x.data()),
                      2 * x.size(), cudaMemcpyDeviceToDevice);
    });
    bytes_per_millisecond = 4.0 * static_cast<double>(x.size()) / copy;
    report("copy", 4.0 * static_cast<double>(x.size()), copy);
  }
  [[nodiscard]] matrix_view<bf16 const> view() const {
    return *make_matrix_view(
        cuda::std::span<bf16 const>(thrust::raw_pointer_cast(x.data()), x.size()), rows, columns);
  }
};

void measure_dequantize(input& matrix) {
  output<q, plain> out(matrix.rows, matrix.columns);
  auto const view = out.view();
  require(device::quantize(default_stream(), matrix.view(), view, q{}) == device::status::success,
          "quantize");
  auto const back = *make_matrix_view(
      cuda::std::span<bf16>(thrust::raw_pointer_cast(matrix.y.data()), matrix.y.size()),
      matrix.rows, matrix.columns);
  require(device::dequantize(default_stream(), view, back, q{}) == device::status::success,
          "dequantize");
  auto const count =
      static_cast<std::size_t>(std::min<matrix_index>(64, matrix.rows) * matrix.columns);
  std::vector<bf16> got(count);
  cudaMemcpy(got.data(), thrust::raw_pointer_cast(matrix.y.data()), 2 * count,
             cudaMemcpyDeviceToHost);
  std::vector<std::uint8_t> codes(count / 2), scales(count / 16);
  cudaMemcpy(codes.data(), thrust::raw_pointer_cast(out.codes.data()), codes.size(),
             cudaMemcpyDeviceToHost);
  cudaMemcpy(scales.data(), thrust::raw_pointer_cast(out.scales.data()), scales.size(),
             cudaMemcpyDeviceToHost);
  auto const factors = q::prepare({out.amax[0]});
  bool is_equal = true;
  for (std::size_t i = 0; i < count; ++i) {
    auto const code =
        fp4_e2m1::from_bits(static_cast<std::uint8_t>(codes[i / 2] >> (i % 2 * 4) & 15));
    float const expected = arch::multiply(
        static_cast<float>(code), q::multiplier(fp8_e4m3::from_bits(scales[i / 16]), factors));
    is_equal = is_equal && got[i].bits() == bf16(expected).bits();
  }
  require(is_equal, "dequantize equals the host's");
  report("dequantize to bf16", 2.5625 * static_cast<double>(matrix.x.size()),
         milliseconds([&] { (void)device::dequantize(default_stream(), view, back, q{}); }));
}

void measure_all(matrix_index rows, matrix_index columns) {
  input matrix(rows, columns);
  auto const in = matrix.view();
  output<q, plain> out(rows, columns);
  auto const view = out.view();
  report("amax", 2 * elements_of(in),
         milliseconds([&] { (void)device::find_amax(default_stream(), in, view, q{}); }));
  measure_both_amaxes("amax of both, Hadamard on columns", in, q{}, hadamard());
  measure("1x16, nearest", in, q{});
  measure("1x16, stochastic 8 bits", in, stochastic());
  measure("16x16 tiles", in, square{});
  measure<tiled>("16x16 tiles, 128x4 scales", in, square{});
  measure<tiled>("1x16, nearest, 128x4 scales", in, q{});
  measure("1x16, Hadamard 16", in, hadamard());
  measure("1x16, Hadamard 16, stochastic", in, stochastic_hadamard());
  measure("4/6", in, quantizer{scaling::four_over_six<>{}});
  measure("MXFP4", in,
          quantizer<mxfp4_block, scaling::power_of_two<scaling::exponent_rule::round_up>>{});
  measure("columns, nearest", transposed(in), q{});
  measure_both("both, nearest", in, q{}, q{});
  measure_both<tiled>("both, nearest, 128x4 scales", in, q{}, q{});
  measure_both("both, 16x16 tiles", in, square{}, square{});
  measure_both<tiled>("both, 16x16 tiles, 128x4 scales", in, square{}, square{});
  measure_both("both, Hadamard on columns", in, q{}, hadamard());
  measure_both("both, stochastic", in, stochastic(), stochastic());
  measure_both<tiled>("both, stochastic, Hadamard, 128x4", in, stochastic(), stochastic_hadamard());
  measure_dequantize(matrix);
  thrust::device_vector<float> wide(matrix.x.size());
  widen<<<1024, 256>>>(thrust::raw_pointer_cast(matrix.x.data()),
                       thrust::raw_pointer_cast(wide.data()), wide.size());
  auto const floats = *make_matrix_view(
      cuda::std::span<float const>(thrust::raw_pointer_cast(wide.data()), wide.size()), rows,
      columns);
  measure("float: 1x16, nearest", floats, q{});
  measure_both("float: both, nearest", floats, q{}, q{});
}

void sweep() {
  for (int power = 20; power <= 32; power += 2) {
    matrix_index const rows = matrix_index{1} << (power / 2),
                       columns = matrix_index{1} << (power - power / 2);
    std::printf("2^%d elements\n", power);
    input matrix(rows, columns);
    measure("1x16, nearest", matrix.view(), q{});
    measure("1x16, stochastic 8 bits", matrix.view(), stochastic());
    measure("16x16 tiles", matrix.view(), square{});
    measure("4/6", matrix.view(), quantizer{scaling::four_over_six<>{}});
    measure_both("both, nearest", matrix.view(), q{}, q{});
    measure_both("both, 16x16 tiles", matrix.view(), square{}, square{});
    measure_dequantize(matrix);
  }
  double const empty = milliseconds([] { nothing<<<1, 1>>>(); });
  std::printf("%-38s %8.4f ms\n", "empty kernel", empty);
  input matrix(128, 128);
  measure("1x16, nearest", matrix.view(), q{});
  measure_both("both, nearest", matrix.view(), q{}, q{});
}

}  // namespace

int main(int argc, char** argv) {
  auto const card = device_measure::card();
  if (!card) return 77;
  int driver = 0;
  cudaDriverGetVersion(&driver);
  bool const is_sweep = argc == 2 && std::strcmp(argv[1], "sweep") == 0;
  matrix_index const rows = argc > 2 ? std::atoll(argv[1]) : 16384;
  matrix_index const columns = argc > 2 ? std::atoll(argv[2]) : 16384;
  std::printf("%s, driver API %d\n", card->name, driver);
  if (is_sweep) {
    sweep();
  } else {
    std::printf("%lld x %lld\n", static_cast<long long>(rows), static_cast<long long>(columns));
    measure_all(rows, columns);
  }
}
