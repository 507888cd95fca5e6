// SPDX-License-Identifier: Apache-2.0
// Products and the linear layer against bf16 through cuBLASLt, in the same run. Samples of each result
// are checked against the host before it is timed.
//
//   nvcc -std=c++20 -O3 -arch=sm_90a -I include bench/device_products_bench.cu -lcublasLt && ./a.out [tokens inputs outputs]
#include <thrust/device_vector.h>
#include <thrust/host_vector.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <nibble/device/linear.cuh>
#include <nibble/nibble.cuh>
#include <nibble/recipes/nvfp4.hpp>

#include "device_measure.cuh"

namespace {

using namespace nibble;
using device_measure::random_matrix, device_measure::raw, device_measure::require;

/// A product takes longer than a quantization.
template <class Launch>
double milliseconds(Launch const& launch) {
  return device_measure::milliseconds(launch, 5);
}

template <class T>
matrix_view<T> view_of(thrust::device_vector<T>& v, matrix_index rows, matrix_index columns) {
  return *make_matrix_view(cuda::std::span<T>(raw(v), v.size()), rows, columns);
}

struct stored_codes : device_measure::device_matrix<nvfp4_block, cuda::std::layout_right> {
  stored_codes(matrix_view<bf16> const& in, cuda::stream_ref stream)
      : device_matrix(shape_for<quantizer<>>(in.extent(0), in.extent(1))) {
    require(device::quantize(stream, in, view(), quantizer<>{}), "quantize");
  }
  /// Rows 0 to rows - 1 on the host.
  quantized_by<quantizer<>> first_rows(matrix_index rows) {
    quantized_by<quantizer<>> result(shape_for<quantizer<>>(rows, shape.columns));
    auto const to = result.view();
    cudaMemcpy(to.codes.data_handle().bytes, raw(codes), result.code_bytes().size(), cudaMemcpyDeviceToHost);
    cudaMemcpy(to.scales.data_handle(), raw(scales), result.scales().size(), cudaMemcpyDeviceToHost);
    to.amax(0, 0) = amax[0];
    return result;
  }
};

/// Normal numbers, each pair of them 2^-spread to 1 times as large.
thrust::device_vector<bf16> normal_matrix(matrix_index rows, matrix_index columns, std::uint64_t seed, unsigned spread) {
  std::vector<bf16> host(static_cast<std::size_t>(rows * columns));
  random::philox4x32<7> const source{seed, 3};
  for (std::size_t i = 0; i + 1 < host.size(); i += 2) {
    auto const words = source(i / 2);
    double const size = std::ldexp(1.0, -static_cast<int>(words.value[2] % (spread + 1)));
    double const radius = size * std::sqrt(-2 * std::log((words.value[0] + 1.0) * 0x1p-32));
    double const angle = words.value[1] * 0x1p-32 * 6.283185307179586;
    host[i] = bf16(static_cast<float>(radius * std::cos(angle)));
    host[i + 1] = bf16(static_cast<float>(radius * std::sin(angle)));
  }
  return thrust::device_vector<bf16>(host.begin(), host.end());
}

/// What fast sums lose: every result of a product against the exact one.
void report_errors(cublas::handle const& handle, cuda::stream_ref stream, matrix_index depth, unsigned spread) {
  matrix_index const rows = 1024, columns = 1024;
  auto x = normal_matrix(rows, depth, 5, spread), w = normal_matrix(columns, depth, 6, spread);
  stored_codes a(view_of(x, rows, depth), stream), b(view_of(w, columns, depth), stream);
  auto const multiplied = [&]<product Mode>() {
    thrust::device_vector<float> out(static_cast<std::size_t>(rows * columns));
    auto const to = view_of(out, rows, columns);
    std::size_t const bytes = device::matmul_workspace<Mode>(handle, a.view(), quantizer<>{}, b.view(), quantizer<>{}, to);
    thrust::device_vector<std::uint8_t> memory(bytes);
    require(device::matmul<Mode>(handle, stream, {raw(memory), bytes}, a.view(), quantizer<>{}, b.view(),
                                 quantizer<>{}, to),
            "a product for its errors");
    thrust::host_vector<float> const copy = out;
    return std::vector<float>(copy.begin(), copy.end());
  };
  auto const exact = multiplied.template operator()<product::exact>();
  auto const fast = multiplied.template operator()<product::fast>();
  double off = 0, size = 0, largest = 0;
  std::size_t equal = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    double const d = static_cast<double>(fast[i]) - static_cast<double>(exact[i]);
    off += d * d;
    size += static_cast<double>(exact[i]) * static_cast<double>(exact[i]);
    largest = std::max(largest, std::abs(d));
    equal += fast[i] == exact[i];
  }
  auto const count = static_cast<double>(exact.size());
  std::printf("fast against exact, normal numbers over 2^%u, K %5lld: %5.1f %% equal, relative error %.2e, largest %.2e of "
              "the results' root mean square\n",
              spread, static_cast<long long>(depth), 100 * static_cast<double>(equal) / count, std::sqrt(off / size),
              largest / std::sqrt(size / count));
  require(std::sqrt(off / size) < 1e-5, "fast products");
}

void report(char const* name, double ms, double base) {
  std::printf("%-44s %9.4f ms  %6.2f of bf16\n", name, ms, ms / base);
}

}  // namespace

int main(int argc, char** argv) {
  matrix_index const tokens = argc > 3 ? std::atoll(argv[1]) : 8192;
  matrix_index const inputs = argc > 3 ? std::atoll(argv[2]) : 4096;
  matrix_index const outputs = argc > 3 ? std::atoll(argv[3]) : 4096;
  auto const card = device_measure::card();
  if (!card) return 77;
  std::printf("%s, cuBLASLt %zu, %lld tokens x %lld inputs x %lld outputs\n", card->name,
              cublasLtGetVersion(), static_cast<long long>(tokens), static_cast<long long>(inputs),
              static_cast<long long>(outputs));
  cublas::handle const handle;
  require(handle.state(), "cuBLASLt");
  cuda::stream_ref const stream{cudaStream_t{}};

  auto x = random_matrix(tokens, inputs, 1), w = random_matrix(outputs, inputs, 2),
       dy = random_matrix(tokens, outputs, 3);
  thrust::device_vector<bf16> y(static_cast<std::size_t>(tokens * outputs)),
      dx(static_cast<std::size_t>(tokens * inputs));
  thrust::device_vector<float> dw(static_cast<std::size_t>(outputs * inputs));
  auto const x_view = view_of(x, tokens, inputs), w_view = view_of(w, outputs, inputs),
             dy_view = view_of(dy, tokens, outputs);
  auto const y_view = view_of(y, tokens, outputs), dx_view = view_of(dx, tokens, inputs);
  auto const dw_view = view_of(dw, outputs, inputs);

  // bf16 alone: y = x W^T, dx = dy W, dW += dy^T x on the tensors as they lie.
  thrust::device_vector<float> scalars(4);
  scalars[0] = scalars[2] = scalars[3] = 1.0f;  // alpha 1, beta 0; alpha 1, beta 1
  thrust::device_vector<std::uint8_t> library(cublas::workspace_bytes);
  auto const bf16_product = [&](matrix_index m, matrix_index n, matrix_index k, cublas::operand const& a,
                                cublas::operand const& b, void* out, bool is_float, int which) {
    cublas::product p{};
    p.what = cublas::elements::bf16;
    p.is_float_out = is_float;
    p.rows = m, p.columns = n, p.depth = k;
    p.a = a, p.b = b;
    p.out = out;
    p.out_pitch = n;
    p.scalars = raw(scalars) + which;
    require(cublas::multiply(handle, cudaStream_t{}, p, raw(library)), "a bf16 product");
  };
  auto const fprop = [&] {
    bf16_product(tokens, outputs, inputs, {raw(x), inputs}, {raw(w), inputs}, raw(y), false, 0);
  };
  auto const dgrad = [&] {
    bf16_product(tokens, inputs, outputs, {raw(dy), outputs}, {raw(w), inputs, nullptr, true}, raw(dx), false, 0);
  };
  auto const wgrad = [&] {
    bf16_product(outputs, inputs, tokens, {raw(dy), outputs, nullptr, true}, {raw(x), inputs, nullptr, true},
                 raw(dw), true, 2);
  };
  fprop();
  double reference = 0;
  for (matrix_index k = 0; k < inputs; ++k) {
    reference += static_cast<double>(static_cast<float>(static_cast<bf16>(x[static_cast<std::size_t>(k)]))) *
                 static_cast<double>(static_cast<float>(static_cast<bf16>(w[static_cast<std::size_t>(inputs + k)])));
  }
  double const got = static_cast<double>(static_cast<float>(static_cast<bf16>(y[1])));
  require(std::abs(got - reference) <= std::abs(reference) / 128 + 0.05 * std::sqrt(static_cast<double>(inputs)),
          "the bf16 product");
  double const one = milliseconds(fprop), two = milliseconds(dgrad), three = milliseconds(wgrad);
  double const all = milliseconds([&] { fprop(), dgrad(), wgrad(); });
  std::printf("bf16 through cuBLASLt: fprop %.4f ms (%.0f TFLOP/s), dgrad %.4f, wgrad %.4f, all %.4f\n", one,
              2e-9 * static_cast<double>(tokens * inputs) * static_cast<double>(outputs) / one, two, three, all);

  // One product of NVFP4 operands.
  stored_codes a(x_view, stream), b(w_view, stream);
  thrust::device_vector<float> out(static_cast<std::size_t>(tokens * outputs));
  auto const out_view = view_of(out, tokens, outputs);
  auto const time_product = [&]<product Mode>(char const* name) {
    std::size_t const bytes =
        device::matmul_workspace<Mode>(handle, a.view(), quantizer<>{}, b.view(), quantizer<>{}, out_view);
    thrust::device_vector<std::uint8_t> memory(bytes);
    auto const run = [&] {
      require(device::matmul<Mode>(handle, stream, {raw(memory), bytes}, a.view(), quantizer<>{}, b.view(),
                                   quantizer<>{}, out_view),
              name);
    };
    thrust::fill(out.begin(), out.end(), NAN);
    run();
    require(cudaDeviceSynchronize() == cudaSuccess, name);
    matrix_index const rows = std::min<matrix_index>(48, tokens), columns = std::min<matrix_index>(64, outputs);
    std::vector<float> expected(static_cast<std::size_t>(rows * columns)), sample(expected.size());
    auto const expected_view =
        *make_matrix_view(cuda::std::span<float>(expected.data(), expected.size()), rows, columns);
    matmul<product::exact>(a.first_rows(rows).view(), quantizer<>{}, b.first_rows(columns).view(), quantizer<>{},
                           expected_view);
    cudaMemcpy2D(sample.data(), static_cast<std::size_t>(columns) * 4, raw(out),
                 static_cast<std::size_t>(outputs) * 4, static_cast<std::size_t>(columns) * 4,
                 static_cast<std::size_t>(rows), cudaMemcpyDeviceToHost);
    double off = 0, size = 0;
    int different = 0;
    for (std::size_t i = 0; i < sample.size(); ++i) {
      double const d = static_cast<double>(sample[i]) - static_cast<double>(expected[i]);
      off += d * d;
      size += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
      different += sample[i] != expected[i];
    }
    std::printf("%s: %d of %zu sampled results differ from the host's exact ones, relative error %.2e, "
                "workspace %zu MiB\n",
                name, different, sample.size(), std::sqrt(off / size), bytes >> 20);
    require(Mode == product::fast ? std::sqrt(off / size) < 1e-5 : different == 0, name);
    report(name, milliseconds(run), one);
  };
  time_product.template operator()<product::fast>("fast");
  time_product.template operator()<product::exact>("exact");

  for (unsigned const spread : {0u, 16u}) {
    for (matrix_index const depth : {256, 4096, 16384}) report_errors(handle, stream, depth, spread);
  }

  // The whole linear layer under NVIDIA's recipe.
  using layer_type = device::linear<recipes::nvfp4>;
  layer_type layer({tokens, inputs, outputs});
  thrust::device_vector<std::uint8_t> kept(layer.kept_bytes()), memory(layer.workspace_bytes(handle));
  device::workspace const kept_memory{raw(kept), kept.size()}, scratch{raw(memory), memory.size()};
  auto const forward = [&] {
    require(layer.forward(handle, stream, scratch, kept_memory, x_view, w_view, y_view, {1, 2, 3}), "forward");
  };
  auto const backward = [&] {
    require(layer.backward(handle, stream, scratch, kept_memory, dy_view, dx_view, dw_view, {1, 2, 3}), "backward");
  };
  forward();
  backward();
  require(cudaDeviceSynchronize() == cudaSuccess, "the layer");
  report("linear, recipe nvfp4, fast: forward", milliseconds(forward), one);
  report("linear, recipe nvfp4, fast: backward", milliseconds(backward), two + three);
  double const both = milliseconds([&] { forward(), backward(); });
  report("linear, recipe nvfp4, fast: all", both, all);
  return 0;
}
