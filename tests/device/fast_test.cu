// SPDX-License-Identifier: Apache-2.0
// What decides how a fast product is taken, and the scalars that it is given.
#include <doctest/doctest.h>

#include <nibble/device/fast.cuh>
#include <nibble/nibble.hpp>

#include "support/device_memory.cuh"

namespace {

using namespace nibble;
namespace parts = device::detail;

template <class T>
matrix_view<T> with_strides(matrix_index row, matrix_index column) {
  cuda::std::array<matrix_index, 2> const strides{row, column};
  return {nullptr, {matrix_extents(8, 24), strides}};
}

float const some_bias[24] = {};

}  // namespace

TEST_CASE("cuBLASLt writes rows of float or bf16 itself, and an FP32 bias into floats only") {
  epilogue const with_bias{1, 0, some_bias};
  CHECK(parts::is_direct(with_strides<float>(24, 1), {}));
  CHECK(parts::is_direct(with_strides<float>(30, 1), with_bias));
  CHECK(parts::is_direct(with_strides<bf16>(24, 1), {}));
  CHECK(!parts::is_direct(with_strides<bf16>(24, 1), with_bias));
  CHECK(!parts::is_direct(with_strides<fp16>(24, 1), {}));
  CHECK(!parts::is_direct(with_strides<float>(1, 8), {}));
  CHECK(!parts::is_direct(with_strides<float>(48, 2), {}));
  CHECK(!parts::is_direct(with_strides<float>(0, 1), {}));
}

TEST_CASE("memory for sums is taken only where cuBLASLt does not write the output") {
  parts::arena direct, scattered;
  parts::fast_memory const a(direct, 10, 20, true), b(scattered, 10, 20, false);
  CHECK(scattered.used() - direct.used() == (10 * 32 * 4 + 255) / 256 * 256);
}

TEST_CASE("alpha is the exact product's where one amax covers each operand") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  using row = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>;
  fixture::device_vector<float> amax(2), out(2);
  amax[0] = 7.5f, amax[1] = 0.8125f;
  auto const at = [&](int i) {
    return *make_matrix_view(cuda::std::span<float>(amax.data() + i, 1), 1, 1);
  };
  parts::write_scalars<q, q><<<1, 1>>>(at(0), at(1), 3.0f, 0.5f, out.data());
  CHECK(out[0] == fold_alpha<q, q>(3.0f, {7.5f}, {0.8125f}));
  CHECK(out[1] == 0.5f);
  // A's rows were decoded under their own amaxes: only B's is left.
  parts::write_scalars<row, q><<<1, 1>>>(at(0), at(1), 3.0f, 0.0f, out.data());
  CHECK(out[0] == arch::multiply(3.0f, q::prepare({0.8125f}).decode));
}
