// SPDX-License-Identifier: Apache-2.0
// A launch shares the work as its blocks have room for, and x lies in shared memory as operands.
#include <doctest/doctest.h>

#include <vector>

#include <nibble/device/weight_only_shares.cuh>

#include "support/device_memory.cuh"

namespace {

using namespace nibble;
namespace few = nibble::device::detail;

constexpr unsigned poison = 0xAAAA'AAAAu;
constexpr int most_steps = 3;

template <int Rows>
__global__ void keep(matrix_view<bf16> x, int first_x, unsigned rows, int first, uint4* to) {
  constexpr int count = most_steps * few::few_kept<Rows>::step;
  __shared__ uint4 kept[count];
  __shared__ int calls;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += 32 * few::few_warps) kept[i] = {poison, poison, poison, poison};
  if (threadIdx.x == 0) calls = 0;
  __syncthreads();
  few::keep_x<Rows>(kept, x, first_x, rows, first, most_steps, [&] { atomicAdd(&calls, 1); });
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < count; i += 32 * few::few_warps) to[i] = kept[i];
  if (threadIdx.x == 0) to[count] = {static_cast<unsigned>(calls), 0, 0, 0};
}

/// Words in shared memory that are not the pairs of x that belong there, or not poison where nothing does.
template <int Rows>
int misplaced(int columns, int first_x, unsigned rows, int first) {
  using kept = few::few_kept<Rows>;
  constexpr int of_x = 20, count = most_steps * kept::step;
  std::vector<bf16> values(static_cast<std::size_t>(of_x * columns));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = bf16::from_bits(static_cast<int>(i % 32749 + 1));
  fixture::device_vector<bf16> x(values.begin(), values.end());
  fixture::device_vector<uint4> to(count + 1);
  auto const view = *make_matrix_view(cuda::std::span<bf16>(x.data(), x.size()), of_x, columns);
  keep<Rows><<<1, 32 * few::few_warps>>>(view, first_x, rows, first, to.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got = fixture::copied(to);
  std::vector<uint4> expected(count, uint4{poison, poison, poison, poison});
  for (unsigned row = 0; row < rows; ++row) {
    for (int eight = 0; eight < 16 * most_steps && first + 8 * eight < columns; ++eight) {
      // Lane 4 (row % 8) + t has columns 32 t + 8 i of a step.
      auto const i = static_cast<unsigned>(eight % 4), t = static_cast<unsigned>(eight / 4 % 4);
      auto const at = static_cast<std::size_t>(eight / 16 * kept::step) + (row / 8 * 4 + i) * (kept::lanes + 2) + (Rows == 1 ? t : row % 8 * 4 + t);
      auto const* const from = values.data() + (static_cast<std::size_t>(first_x) + row) * static_cast<std::size_t>(columns) + static_cast<std::size_t>(first + 8 * eight);
      unsigned pairs[4];
      for (int j = 0; j < 4; ++j) pairs[j] = static_cast<unsigned>(from[j].bits()) | static_cast<unsigned>(from[j + 4].bits()) << 16;
      expected[at] = {pairs[0], pairs[1], pairs[2], pairs[3]};
    }
  }
  int different = got.back().x != 32 * few::few_warps;  // every thread once
  for (std::size_t i = 0; i < count; ++i) {
    different += got[i].x != expected[i].x || got[i].y != expected[i].y || got[i].z != expected[i].z || got[i].w != expected[i].w;
  }
  return different;
}

}  // namespace

TEST_CASE("x lies in shared memory as pairs of an element and the fourth after it, by lanes") {
  if (!fixture::has_device()) return;
  CHECK(misplaced<1>(640, 0, 1, 128) == 0);
  CHECK(misplaced<1>(640, 3, 1, 384) == 0);
  CHECK(misplaced<8>(640, 0, 8, 0) == 0);
  CHECK(misplaced<8>(384, 16, 4, 128) == 0);  // fewer rows, and fewer columns
  CHECK(misplaced<16>(512, 0, 16, 128) == 0);
  CHECK(misplaced<16>(512, 0, 11, 512) == 0);  // no columns at all
  CHECK(misplaced<16>(512, 0, 11, 1024) == 0);
}

TEST_CASE("a block keeps its columns of x and the sums of as many turns as have room") {
  // An H200 and 16384 x 16384: 66 clusters of two blocks, 64 steps of x in each, a quarter of 16 units a turn.
  auto const large = few::share_few<8>(66, 1, 1024, 16384, 8, 232448);
  CHECK(large.shares.turns == 4);
  CHECK(large.shared == 64 * 4 * (32 + 2) * 16 + 4 * 16 * 8 * 20 * 4);
  CHECK(few::share_few<8>(66, 1, 1024, 16384, 8, 149504).shares.turns == 1);
  CHECK(few::share_few<8>(66, 1, 1024, 16384, 8, 149503).shares.turns == 0);
}
