// SPDX-License-Identifier: Apache-2.0
// The products of a mixture's experts in one launch, and the gradients of their weights in another,
// against bf16 through cuBLASLt, a call an expert, in the same run. Tokens are spread unevenly; samples
// of the results are checked before they are timed.
//
//   nvcc -std=c++20 -O3 -arch=sm_90a -I include bench/grouped_products_bench.cu -lcublasLt && ./a.out [experts tokens inputs outputs]
#include <thrust/device_vector.h>
#include <thrust/host_vector.h>

#include <cmath>
#include <vector>

#include <nibble/cublas/product.cuh>
#include <nibble/device/grouped.cuh>
#include <nibble/device/matmul_grouped.cuh>
#include <nibble/device/matmul_grouped_columns.cuh>
#include <nibble/nibble.hpp>

#include "device_measure.cuh"

namespace {

using namespace nibble;
using device_measure::random_matrix, device_measure::raw, device_measure::require;
using layout_type = layout::scale_tile_128x4;

struct grouped {
  device_measure::device_matrix<nvfp4_block, layout_type> memory;
  thrust::device_vector<int> offsets;
  matrix_view<bf16> in;

  grouped(thrust::device_vector<bf16>& values, matrix_index columns, std::vector<int> const& starts)
      : memory(grouped_shape(shape_for<quantizer<>, layout_type>(starts.back(), columns),
                             static_cast<matrix_index>(starts.size()) - 1)),
        offsets(starts.begin(), starts.end()),
        in(*make_matrix_view(cuda::std::span<bf16>(raw(values), values.size()), starts.back(),
                             columns)) {}
  cuda::std::span<int const> rows() { return {raw(offsets), offsets.size()}; }
  grouped_view<nvfp4_block, layout_type> view() {
    return *make_grouped_view<nvfp4_block, layout_type>(memory.code_span(), memory.scale_span(),
                                                        memory.amax_span(), memory.shape);
  }
  void quantize(cuda::stream_ref stream) {
    require(device::quantize_grouped(stream, in, rows(), view(), quantizer<>{}),
            "quantizing groups");
  }
};

/// Rows of features, parted by token, blocks along each expert's tokens.
struct parted {
  grouped_columns_shape<nvfp4_block, layout_type> shape;
  thrust::device_vector<std::uint8_t> codes, scales;
  thrust::device_vector<float> amaxes;

  explicit parted(grouped_columns_shape<nvfp4_block, layout_type> const& s)
      : shape(s),
        codes(static_cast<std::size_t>(s.code_bytes())),
        scales(static_cast<std::size_t>(s.scale_count())),
        amaxes(static_cast<std::size_t>(s.groups)) {}
  grouped_columns_view<nvfp4_block, layout_type> view() {
    return *make_grouped_columns_view<nvfp4_block, layout_type>(
        cuda::std::span<std::uint8_t>(raw(codes), codes.size()),
        cuda::std::span<fp8_e4m3>(reinterpret_cast<fp8_e4m3*>(raw(scales)), scales.size()),
        cuda::std::span<float>(raw(amaxes), amaxes.size()), shape);
  }
  void quantize(cuda::stream_ref stream, thrust::device_vector<bf16>& values,
                cuda::std::span<int const> offsets) {
    auto const in = *make_matrix_view(cuda::std::span<bf16>(raw(values), values.size()),
                                      shape.columns, shape.rows);
    require(
        device::quantize_grouped_columns(stream, transposed(in), offsets, view(), quantizer<>{}),
        "quantizing groups of columns");
  }
};

/// A copy of parted on the host.
struct parted_on_host {
  thrust::host_vector<std::uint8_t> codes, scales;
  thrust::host_vector<float> amaxes;
  grouped_columns_view<nvfp4_block, layout_type> view;

  explicit parted_on_host(parted const& from)
      : codes(from.codes),
        scales(from.scales),
        amaxes(from.amaxes),
        view(*make_grouped_columns_view<nvfp4_block, layout_type>(
            cuda::std::span<std::uint8_t>(codes.data(), codes.size()),
            cuda::std::span<fp8_e4m3>(reinterpret_cast<fp8_e4m3*>(scales.data()), scales.size()),
            cuda::std::span<float>(amaxes.data(), amaxes.size()), from.shape)) {}
};

/// The gradients of all experts' weights, added to FP32, from tokens x outputs and tokens x inputs.
void weight_gradients(cublas::handle const& handle, std::uint8_t* library,
                      thrust::device_vector<bf16>& dy, thrust::device_vector<bf16>& x,
                      std::vector<int> const& starts, matrix_index outputs, matrix_index inputs) {
  cuda::stream_ref const stream{cudaStream_t{}};
  auto const groups = static_cast<matrix_index>(starts.size()) - 1;
  matrix_index const tokens = starts.back(), padded = padded_start(tokens, groups, 128);
  thrust::device_vector<float> gradients(static_cast<std::size_t>(groups * outputs * inputs));
  thrust::device_vector<float> const scalars(2, 1.0f);
  // For bf16 operands that lie turned already, each expert's tokens in a row, aligned and completed to
  // 16: a sum over 2341 of them takes cuBLASLt several times as long.
  auto const left = random_matrix(outputs, padded, 3), right = random_matrix(inputs, padded, 4);
  double const bf16_ms = device_measure::milliseconds(
      [&] {
        for (std::size_t g = 0; g + 1 < starts.size(); ++g) {
          cublas::product p{};
          p.what = cublas::elements::bf16;
          p.is_float_out = true;
          p.rows = outputs, p.columns = inputs,
          p.depth = (starts[g + 1] - starts[g] + 15) / 16 * 16;
          if (p.depth == 0) continue;
          auto const of = static_cast<matrix_index>(g);
          matrix_index const start = padded_start(starts[g], of, 128),
                             pitch = (p.depth + 127) / 128 * 128;
          p.a = {thrust::raw_pointer_cast(left.data()) + outputs * start, pitch};
          p.b = {thrust::raw_pointer_cast(right.data()) + inputs * start, pitch};
          p.out = raw(gradients) + of * outputs * inputs;
          p.out_pitch = inputs;
          p.scalars = thrust::raw_pointer_cast(scalars.data());
          require(cublas::multiply(handle, cudaStream_t{}, p, library), "a bf16 gradient");
        }
      },
      5);
  double const operations =
      2e-9 * static_cast<double>(tokens * inputs) * static_cast<double>(outputs);
  std::printf("%-44s %9.4f ms  %6.0f TFLOP/s\n", "gradients, bf16, a call an expert", bf16_ms,
              operations / bf16_ms);

  thrust::device_vector<int> const on_device(starts.begin(), starts.end());
  cuda::std::span<int const> const offsets(thrust::raw_pointer_cast(on_device.data()),
                                           on_device.size());
  parted a({outputs, tokens, groups}), b({inputs, tokens, groups});
  auto const quantize = [&] {
    a.quantize(stream, dy, offsets);
    b.quantize(stream, x, offsets);
  };
  quantize();
  parted_on_host const host_a(a), host_b(b);
  auto const run = [&]<product Mode>(char const* name) {
    auto const launch = [&] {
      require(device::matmul_grouped_columns<Mode>(
                  stream, a.view(), quantizer<>{}, offsets, b.view(), quantizer<>{},
                  *make_matrix_view(cuda::std::span<float>(raw(gradients), gradients.size()),
                                    groups * outputs, inputs),
                  epilogue{1.0f, 1.0f, nullptr}),
              name);
    };
    thrust::fill(gradients.begin(), gradients.end(), 0.0f);
    launch();
    require(cudaDeviceSynchronize() == cudaSuccess, name);
    double off = 0, size = 0;
    for (int sample = 0; sample < 500; ++sample) {
      matrix_index const g = sample % groups, i = sample * 7919 % outputs,
                         j = sample * 104729 % inputs;
      auto const of = static_cast<std::size_t>(g);
      auto const l = host_a.view.group(g, starts[of], starts[of + 1]),
                 r = host_b.view.group(g, starts[of], starts[of + 1]);
      double sum = 0;
      for (matrix_index k = 0; k < l.columns(); ++k) {
        sum += static_cast<double>(static_cast<float>(l.codes(i, k))) *
               static_cast<double>(static_cast<float>(l.scale(i, k / 16))) *
               static_cast<double>(static_cast<float>(r.codes(j, k))) *
               static_cast<double>(static_cast<float>(r.scale(j, k / 16)));
      }
      sum *= static_cast<double>(
          fold_alpha<quantizer<>, quantizer<>>(1.0f, {l.amax(0, 0)}, {r.amax(0, 0)}));
      double const got = static_cast<double>(
          static_cast<float>(gradients[static_cast<std::size_t>((g * outputs + i) * inputs + j)]));
      off += (got - sum) * (got - sum);
      size += sum * sum;
    }
    require(std::sqrt(off / size) < 1e-5, name);
    double const ms = device_measure::milliseconds(launch, 5);
    std::printf("%-44s %9.4f ms  %6.2f of bf16  %6.0f TFLOP/s\n", name, ms, ms / bf16_ms,
                operations / ms);
  };
  run.template operator()<product::fast>("gradients, fast");
  run.template operator()<product::exact>("gradients, exact");
  double const both = device_measure::milliseconds(quantize);
  std::printf("%-44s %9.4f ms  %6.2f of bf16\n", "quantizing both operands along tokens", both,
              both / bf16_ms);
}

}  // namespace

int main(int argc, char** argv) {
  auto const argument = [&](int i, matrix_index otherwise) {
    return argc > 4 ? std::atoll(argv[i]) : otherwise;
  };
  matrix_index const experts = argument(1, 8), tokens = argument(2, 16384),
                     inputs = argument(3, 4096), outputs = argument(4, 4096);
  auto const card = device_measure::card();
  if (!card) return 77;
  std::printf("%s, cuBLASLt %zu, %lld experts, %lld tokens x %lld inputs x %lld outputs\n",
              card->name, cublasLtGetVersion(), static_cast<long long>(experts),
              static_cast<long long>(tokens), static_cast<long long>(inputs),
              static_cast<long long>(outputs));
  cuda::stream_ref const stream{cudaStream_t{}};
  // Expert g has a share of 1 + g % 4, the first none: what is left goes to the last.
  std::vector<int> starts{0}, even{0};
  matrix_index shares = 0;
  for (matrix_index g = 1; g < experts; ++g) shares += 1 + g % 4;
  for (matrix_index g = 0; g < experts; ++g) {
    matrix_index const size = g == 0 ? 0 : tokens * (1 + g % 4) / shares;
    starts.push_back(g + 1 == experts ? static_cast<int>(tokens)
                                      : starts.back() + static_cast<int>(size));
    even.push_back(static_cast<int>((g + 1) * outputs));
  }
  auto x = random_matrix(tokens, inputs, 1), w = random_matrix(experts * outputs, inputs, 2);
  thrust::device_vector<bf16> y(static_cast<std::size_t>(tokens * outputs));
  auto const y_view = *make_matrix_view(cuda::std::span<bf16>(raw(y), y.size()), tokens, outputs);

  cublas::handle const handle;
  require(handle.state(), "cuBLASLt");
  thrust::device_vector<float> scalars(2);
  scalars[0] = 1.0f;
  thrust::device_vector<std::uint8_t> library(cublas::workspace_bytes);
  double const bf16_ms = device_measure::milliseconds(
      [&] {
        for (std::size_t g = 0; g < static_cast<std::size_t>(experts); ++g) {
          cublas::product p{};
          p.what = cublas::elements::bf16;
          p.rows = starts[g + 1] - starts[g], p.columns = outputs, p.depth = inputs;
          if (p.rows == 0) continue;
          p.a = {raw(x) + starts[g] * inputs, inputs};
          p.b = {raw(w) + static_cast<matrix_index>(g) * outputs * inputs, inputs};
          p.out = raw(y) + starts[g] * outputs;
          p.out_pitch = outputs;
          p.scalars = raw(scalars);
          require(cublas::multiply(handle, cudaStream_t{}, p, raw(library)), "a bf16 product");
        }
      },
      5);
  double const operations =
      2e-9 * static_cast<double>(tokens * inputs) * static_cast<double>(outputs);
  std::printf("%-44s %9.4f ms  %6.0f TFLOP/s\n", "bf16, a call an expert that has tokens", bf16_ms,
              operations / bf16_ms);

  grouped a(x, inputs, starts), b(w, inputs, even);
  a.quantize(stream);
  b.quantize(stream);
  auto const run = [&]<product Mode>(char const* name) {
    auto const launch = [&] {
      require(device::matmul_grouped<Mode>(stream, a.view(), quantizer<>{}, a.rows(), b.view(),
                                           quantizer<>{}, y_view),
              name);
    };
    thrust::fill(y.begin(), y.end(), bf16(NAN));
    launch();
    require(cudaDeviceSynchronize() == cudaSuccess, name);
    // Samples against sums in FP64 of the codes' own numbers.
    thrust::host_vector<std::uint8_t> const codes_a = a.memory.codes, codes_b = b.memory.codes,
                                            scales_a = a.memory.scales, scales_b = b.memory.scales;
    thrust::host_vector<float> amax_a = a.memory.amax, amax_b = b.memory.amax;
    auto const on_host = [](auto const& codes, auto const& scales, auto& amaxes,
                            auto const& shape) {
      return *make_grouped_view<nvfp4_block const, layout_type>(
          cuda::std::span<std::uint8_t const>(codes.data(), codes.size()),
          cuda::std::span<fp8_e4m3 const>(reinterpret_cast<fp8_e4m3 const*>(scales.data()),
                                          scales.size()),
          cuda::std::span<float const>(amaxes.data(), amaxes.size()), shape);
    };
    auto const host_a = on_host(codes_a, scales_a, amax_a, a.memory.shape),
               host_b = on_host(codes_b, scales_b, amax_b, b.memory.shape);
    double off = 0, size = 0;
    for (int sample = 0; sample < 2000; ++sample) {
      matrix_index const i = sample * 7919 % tokens, j = sample * 104729 % outputs;
      std::size_t g = 0;
      while (starts[g + 1] <= i) ++g;
      auto const left = host_a.group(static_cast<matrix_index>(g), starts[g], starts[g + 1]),
                 right = host_b.group(static_cast<matrix_index>(g), even[g], even[g + 1]);
      double sum = 0;
      for (matrix_index k = 0; k < inputs; ++k) {
        sum += static_cast<double>(static_cast<float>(left.codes(i - starts[g], k))) *
               static_cast<double>(static_cast<float>(left.scale(i - starts[g], k / 16))) *
               static_cast<double>(static_cast<float>(right.codes(j, k))) *
               static_cast<double>(static_cast<float>(right.scale(j, k / 16)));
      }
      sum *=
          static_cast<double>(fold_alpha<quantizer<>, quantizer<>>(1.0f, {amax_a[g]}, {amax_b[g]}));
      double const got = static_cast<double>(
          static_cast<float>(static_cast<bf16>(y[static_cast<std::size_t>(i * outputs + j)])));
      off += (got - sum) * (got - sum);
      size += sum * sum;
    }
    require(std::sqrt(off / size) < 0.004, name);  // results of 8 bits
    double const ms = device_measure::milliseconds(launch, 5);
    std::printf("%-44s %9.4f ms  %6.2f of bf16  %6.0f TFLOP/s\n", name, ms, ms / bf16_ms,
                operations / ms);
  };
  run.template operator()<product::fast>("grouped, fast");
  run.template operator()<product::exact>("grouped, exact");
  double const both = device_measure::milliseconds([&] { a.quantize(stream); });
  std::printf("%-44s %9.4f ms  %6.2f of bf16\n", "quantizing the tokens' groups", both,
              both / bf16_ms);
  auto dy = random_matrix(tokens, outputs, 5);
  weight_gradients(handle, raw(library), dy, x, starts, outputs, inputs);
  return 0;
}
