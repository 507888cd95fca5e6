// SPDX-License-Identifier: Apache-2.0
// The way out of a product: the same steps one by one and four by four, on parts of an output.
#include <doctest/doctest.h>

#include <nibble/bf16.hpp>
#include <nibble/device/finish.cuh>

#include "support/device_memory.cuh"
#include "support/matrices.hpp"

namespace {

using namespace nibble;
namespace parts = device::detail;

struct counted_sums {
  __device__ void operator()(matrix_index i, matrix_index j, float (&sum)[parts::finish_width]) const {
    for (int c = 0; c < parts::finish_width; ++c) sum[c] = static_cast<float>(i * 1000 + j + c) * 0.37f;
  }
};

/// Elements that differ from the steps of the epilogue, those outside the part included.
template <class T>
int mismatches(matrix_index row_step, matrix_index column_step, matrix_index rows, matrix_index columns,
               matrix_index row, matrix_index column) {
  fixture::matrix<T> before(40, 60, row_step, column_step);
  for (auto& v : before.values) v = static_cast<T>(3.25f);
  fixture::device_vector<T> out(before.values.begin(), before.values.end());
  fixture::device_vector<float> bias(60);
  for (int j = 0; j < 60; ++j) bias[static_cast<std::size_t>(j)] = static_cast<float>(j) / 7;
  auto const like = before.view();
  cuda::std::array<matrix_index, 2> const strides{like.stride(0), like.stride(1)};
  matrix_view<T> const view(out.data(), {like.extents(), strides});
  epilogue const e{1.0f, 0.3f, bias.data()};
  REQUIRE(parts::launch_finish(cudaStream_t{}, counted_sums{}, parts::plain_alpha{1.7f}, view, e, row, column,
                               rows, columns) == device::status::success);
  auto got = before;
  auto const copy = fixture::copied(out);
  got.values.assign(copy.begin(), copy.end());
  int wrong = 0;
  for (matrix_index i = 0; i < 40; ++i) {
    for (matrix_index j = 0; j < 60; ++j) {
      T want = static_cast<T>(3.25f);
      if (i >= row && i < row + rows && j >= column && j < column + columns) {
        float r = arch::multiply(1.7f, static_cast<float>((i - row) * 1000 + j - column) * 0.37f);
        r = arch::add(r, arch::multiply(0.3f, 3.25f));
        want = static_cast<T>(arch::add(r, static_cast<float>(j) / 7));
      }
      wrong += static_cast<float>(got(i, j)) != static_cast<float>(want);
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("parts of an output are finished, wide or narrow, and nothing beside them") {
  if (!fixture::has_device()) return;
  CHECK(mismatches<float>(60, 1, 40, 60, 0, 0) == 0);   // four at a time
  CHECK(mismatches<float>(60, 1, 10, 8, 20, 16) == 0);
  CHECK(mismatches<float>(60, 1, 10, 7, 20, 16) == 0);  // a ragged end
  CHECK(mismatches<float>(61, 1, 40, 60, 0, 0) == 0);   // rows off the boundary
  CHECK(mismatches<float>(1, 41, 40, 60, 0, 0) == 0);   // columns run fastest
  CHECK(mismatches<bf16>(60, 1, 40, 60, 0, 0) == 0);
  CHECK(mismatches<bf16>(64, 1, 39, 57, 1, 0) == 0);
}
