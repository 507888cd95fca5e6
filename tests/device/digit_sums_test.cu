// SPDX-License-Identifier: Apache-2.0
// Sums of products of digits: each result of a tile, weight by weight, against integers on the host.
#include <doctest/doctest.h>

#include <nibble/device/digit_sums.cuh>

#include "support/has_device.cuh"
#include "support/managed.cuh"

using namespace nibble;
using device::detail::digit_stage;
using device::detail::digit_sums;

namespace {

constexpr int rows = digit_sums::rows, columns = digit_sums::columns;
constexpr int digits = device::detail::digit_count, weights = device::detail::weight_count;

struct both_stages {
  digit_stage<rows> a;
  digit_stage<columns> b;
};

/// Multiplies the same stages twice; a and b: digit, row, column of K.
__global__ void __launch_bounds__(digit_sums::threads, 1)
    multiply(std::int8_t const* a, std::int8_t const* b, int* out, int* steps) {
  extern __shared__ __align__(1024) uint4 memory[];
  auto& shared = *reinterpret_cast<both_stages*>(memory);
  auto const stage = [](auto& to, std::int8_t const* from, int count) {
    for (int i = static_cast<int>(threadIdx.x); i < digits * count * 64; i += digit_sums::threads) {
      int const k = i % 64, row = i / 64 % count, digit = i / 64 / count;
      reinterpret_cast<std::int8_t*>(to.piece(digit, k / 16, row))[k % 16] = from[i];
    }
  };
  stage(shared.a, a, rows);
  stage(shared.b, b, columns);
  mma::publish_stages();
  digit_sums sums;
#pragma unroll 1
  for (int repeat = 0; repeat < 2; ++repeat) {
    sums.multiply_add(shared.a, shared.b, [&](int step) {
      if (threadIdx.x == 0) steps[4 * repeat + step] = step + 1;
    });
    mma::publish_stages();
  }
#pragma unroll
  for (int n = 0; n < digit_sums::count; ++n) {
    auto const at = digit_sums::element(n);
#pragma unroll
    for (int w = 0; w < weights; ++w) {
      out[(w * rows + at.row) * columns + at.column] = sums.sums[w][n];
    }
  }
}

}  // namespace

TEST_CASE("each result of a tile is the sum of its digits' products, weight by weight") {
  if (!fixture::has_device()) return;
  std::uint32_t seed = 1;
  auto const filled = [&](int count) {
    std::vector<std::int8_t> result(static_cast<std::size_t>(digits * count * 64));
    for (auto& digit : result) {
      seed = seed * 1664525u + 1013904223u;
      digit = static_cast<std::int8_t>(seed >> 24);
    }
    return result;
  };
  auto const host_a = filled(rows), host_b = filled(columns);
  fixture::managed<std::int8_t> a(host_a), b(host_b);
  fixture::managed<int> out(static_cast<std::size_t>(weights * rows * columns)),
      steps(std::size_t{8});
  REQUIRE(cudaFuncSetAttribute(multiply, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(sizeof(both_stages))) == cudaSuccess);
  multiply<<<1, digit_sums::threads, sizeof(both_stages)>>>(a.span().data(), b.span().data(),
                                                            out.span().data(), steps.span().data());
  auto const got = out.values();
  std::vector<int> expected(got.size());
  for (int d = 0; d < digits; ++d) {
    for (int e = 0; e < digits; ++e) {
      for (int i = 0; i < rows; ++i) {
        for (int j = 0; j < columns; ++j) {
          int sum = 0;
          for (int k = 0; k < 64; ++k) {
            sum += host_a[static_cast<std::size_t>((d * rows + i) * 64 + k)] *
                   host_b[static_cast<std::size_t>((e * columns + j) * 64 + k)];
          }
          expected[static_cast<std::size_t>(((d + e) * rows + i) * columns + j)] += 2 * sum;
        }
      }
    }
  }
  CHECK((got == expected));
  CHECK(steps.values() == std::vector<int>{1, 2, 3, 4, 1, 2, 3, 4});
}
