// SPDX-License-Identifier: Apache-2.0
// A warp's step of 128 columns is the product of its rows, and the end of a sum the host's epilogue.
#include <doctest/doctest.h>

#include <vector>

#include <nibble/arch/arithmetic.hpp>
#include <nibble/device/weight_only_step.cuh>
#include <nibble/quantizer.hpp>

#include "support/device_memory.cuh"

namespace {

using namespace nibble;
namespace few = nibble::device::detail;
using plain = cuda::std::layout_right;
using view = quantized_view<nvfp4_block>;

/// sums += the 16 rows of W times 8 Wide rows of x, both of 128 columns; one warp.
template <int Wide>
__global__ void step(view w, bf16 const* x, float* sums) {
  using eight = few::few_eight<bf16>;
  int const lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
  few::few_weights<nvfp4_block> weights;
  few::fetch_any(weights, w, 0, 32 * t);
  float d[Wide][4];
  auto const at = [&](int n, int i) { return (8 * n + 2 * t + i % 2) * 16 + g + 8 * (i / 2); };
  for (int n = 0; n < Wide; ++n) {
    for (int i = 0; i < 4; ++i) d[n][i] = sums[at(n, i)];
  }
  few::multiply_step<eight>(d, weights, [&](int i, std::uint32_t (&pairs)[Wide][1][4]) {
    for (int n = 0; n < Wide; ++n) few::load_eight<true>(x + (8 * n + g) * 128 + 32 * t + 8 * i, 1, 8).to_pairs(pairs[n]);
  });
  for (int n = 0; n < Wide; ++n) {
    for (int i = 0; i < 4; ++i) sums[at(n, i)] = d[n][i];
  }
}

/// Sums that are not the exact ones: elements of W, x and the sums before are small integers.
template <int Wide>
int wrong() {
  auto const shape = shape_for<quantizer<>, plain>(16, 128);
  fixture::device_matrix<quantizer<>, plain> w(shape);
  quantized_matrix<nvfp4_block, plain> host(shape);
  auto const of_host = host.view();
  for (matrix_index i = 0; i < 16; ++i) {
    for (matrix_index j = 0; j < 128; ++j) of_host.codes(i, j) = fp4_e2m1::from_bits(static_cast<int>((i * 131 + j * 7 + j / 5) % 16));
    for (matrix_index b = 0; b < 8; ++b) of_host.scales(i, b) = fp8_e4m3(static_cast<float>(1 << (i + b) % 4));
  }
  fixture::transfer(host.code_bytes().begin(), host.code_bytes().end(), w.codes.begin());
  cudaMemcpy(w.scale_bytes.data(), host.scales().data(), host.scales().size(), cudaMemcpyHostToDevice);
  std::vector<bf16> x(Wide * 8 * 128);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = bf16(static_cast<float>(static_cast<int>(i * 7919 % 17) - 8));
  std::vector<float> before(Wide * 8 * 16);
  for (std::size_t i = 0; i < before.size(); ++i) before[i] = static_cast<float>(i);
  fixture::device_vector<bf16> on_device(x.begin(), x.end());
  fixture::device_vector<float> sums(before.begin(), before.end());
  step<Wide><<<1, 32>>>(w.view(), on_device.data(), sums.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got = fixture::copied(sums);
  int different = 0;
  for (std::size_t r = 0; r < Wide * 8; ++r) {
    for (std::size_t i = 0; i < 16; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < 128; ++j) {
        auto const row = static_cast<matrix_index>(i), column = static_cast<matrix_index>(j);
        sum += static_cast<double>(static_cast<float>(of_host.codes(row, column))) * static_cast<double>(static_cast<float>(of_host.scale(row, column / 16))) *
               static_cast<double>(static_cast<float>(x[r * 128 + j]));
      }
      // A sum is kept in the units of decoded elements.
      different += got[r * 16 + i] != static_cast<float>(static_cast<double>(before[r * 16 + i]) + sum / static_cast<double>(mma::undo_scaled<bf16>));
    }
  }
  return different;
}

__global__ void finish(view w, matrix_view<bf16> out, epilogue e) {
  few::finish_sum<few::few_eight<bf16>>(0.3f, 1, 2, w, out, 1.7f, e);
}

}  // namespace

TEST_CASE("a step of a warp adds the products of 128 columns, for one to four fragments of x") {
  if (!fixture::has_device()) return;
  CHECK(wrong<1>() == 0);
  CHECK(wrong<2>() == 0);
  CHECK(wrong<4>() == 0);
}

TEST_CASE("a sum is scaled, beta times what was there is added, then the bias") {
  if (!fixture::has_device()) return;
  fixture::device_matrix<quantizer<>, plain> w(shape_for<quantizer<>, plain>(16, 128));
  std::vector<bf16> const before(6, bf16(3.5f));
  fixture::device_vector<bf16> out(before.begin(), before.end());
  fixture::device_vector<float> const bias(3, 0.11f);
  auto const target = *make_matrix_view(cuda::std::span<bf16>(out.data(), out.size()), 2, 3);
  finish<<<1, 1>>>(w.view(), target, {.beta = 0.7f, .bias = bias.data()});
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  float expected = arch::multiply(1.7f, arch::multiply(0.3f, mma::undo_scaled<bf16>));
  expected = arch::add(arch::add(expected, arch::multiply(0.7f, 3.5f)), 0.11f);
  auto const got = fixture::copied(out);
  for (std::size_t i = 0; i < 6; ++i) CHECK(got[i].bits() == bf16(i == 5 ? expected : 3.5f).bits());
}
