// SPDX-License-Identifier: Apache-2.0
// Products of more than 2^31 outputs, every one of which is looked at: the rows of either operand repeat,
// and so do the outputs.
#include <doctest/doctest.h>

#include <nibble/device/matmul.cuh>
#include <nibble/nibble.hpp>

#include "support/device_memory.cuh"
#include "support/matrices.hpp"

using namespace nibble;

namespace {

using q = quantizer<>;
using plain = cuda::std::layout_right;

constexpr matrix_index rows = 65'601, columns = 32'784, depth = 32;
static_assert(rows * columns > (matrix_index{1} << 31));
constexpr matrix_index row_period = 97, column_period = 89;

/// Codes and scales that are powers of two: sums are exact in any order.
quantized_by<q> powers(matrix_index count, std::uint64_t seed) {
  quantized_by<q> made(shape_for<q>(count, depth));
  oracle::bit_source random(seed);
  auto const view = made.view();
  for (matrix_index i = 0; i < count; ++i) {
    for (matrix_index k = 0; k < depth; ++k) {
      view.codes(i, k) = fp4_e2m1::from_bits(2 + 2 * random.below(2) + 8 * random.below(2));
    }
    for (matrix_index b = 0; b < depth / 16; ++b) {
      view.scales(i, b) = fp8_e4m3::from_bits(0x30 + 8 * random.below(3));
    }
  }
  view.amax(0, 0) = 2688;
  return made;
}

/// A matrix of so many rows, those of another one over and over.
struct repeated {
  fixture::device_matrix<q, plain> matrix;

  repeated(quantized_by<q> const& of, matrix_index count) : matrix(shape_for<q>(count, depth)) {
    fill(matrix.codes, of.code_bytes().data(), of.code_bytes().size());
    fill(matrix.scale_bytes, of.scales().data(), of.scales().size());
    matrix.amax[0] = of.amax()[0];
  }
  static void fill(fixture::device_vector<std::uint8_t>& to, void const* from, std::size_t period) {
    auto* const data = to.data();
    REQUIRE(cudaMemcpy(data, from, period, cudaMemcpyDefault) == cudaSuccess);
    for (std::size_t filled = period; filled < to.size(); filled *= 2) {
      std::size_t const more = to.size() - filled < filled ? to.size() - filled : filled;
      REQUIRE(cudaMemcpy(data + filled, data, more, cudaMemcpyDefault) == cudaSuccess);
    }
  }
};

__global__ void compare(matrix_view<bf16 const> out, bf16 const* expected, unsigned long long* unlike) {
  unsigned long long found = 0;
  for (matrix_index i = blockIdx.x; i < rows; i += gridDim.x) {
    for (matrix_index j = threadIdx.x; j < columns; j += blockDim.x) {
      found += out(i, j).bits() !=
               expected[i % row_period * column_period + j % column_period].bits();
    }
  }
  if (found != 0) atomicAdd(unlike, found);
}

}  // namespace

// bugs: E2
TEST_CASE("beyond 2^31 outputs each one of a product is the host's: exact, ordered and fast") {
  if (!fixture::has_device()) return;
  std::size_t free = 0, total = 0;
  REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
  if (free < std::size_t{15} << 30) {
    MESSAGE("no CUDA device with 15 GB free");
    return;
  }
  auto const a = powers(row_period, 1), b = powers(column_period, 2);
  fixture::matrix<bf16> expected(row_period, column_period);
  matmul<product::exact>(a.view(), q{}, b.view(), q{}, expected.view(), {}, threads{1});
  fixture::device_vector<bf16> const pattern(expected.values.begin(),
                                             expected.values.begin() + row_period * column_period);
  repeated left(a, rows), right(b, columns);
  cublas::handle const library;
  fixture::device_vector<bf16> out(static_cast<std::size_t>(rows * columns));
  fixture::device_vector<unsigned long long> unlike(1);

  auto const check = [&](auto mode, cuda::std::array<matrix_index, 2> const& strides) {
    constexpr product chosen = decltype(mode)::value;
    bf16* const first = out.data();
    matrix_view<bf16> const to(first, {matrix_extents(rows, columns), strides});
    REQUIRE(cudaMemset(first, 0xFF, out.size() * sizeof(bf16)) == cudaSuccess);
    auto const bytes = device::matmul_workspace<chosen>(library, left.matrix.view(), q{},
                                                        right.matrix.view(), q{}, to);
    fixture::device_vector<std::uint8_t> memory(bytes);
    REQUIRE(device::matmul<chosen>(library, cuda::stream_ref{cudaStream_t{}},
                                   {memory.data(), bytes}, left.matrix.view(), q{},
                                   right.matrix.view(), q{}, to) == device::status::success);
    unlike[0] = 0;
    compare<<<4096, 256>>>(matrix_view<bf16 const>(first, {matrix_extents(rows, columns), strides}),
                           pattern.data(), unlike.data());
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    CHECK(unlike[0] == 0);
  };
  using exact = std::integral_constant<product, product::exact>;
  using ordered = std::integral_constant<product, product::ordered>;
  using fast = std::integral_constant<product, product::fast>;
  check(exact{}, {columns, 1});
  check(ordered{}, {columns, 1});
  check(fast{}, {columns, 1});  // the library writes the outputs
  check(fast{}, {1, rows});     // its sums lie in floats before
}
