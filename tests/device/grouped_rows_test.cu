// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <nibble/device/grouped_rows.cuh>

#include "support/device_memory.cuh"

namespace {

using nibble::matrix_index;

__global__ void find(int const* offsets, matrix_index groups, matrix_index multiple,
                     matrix_index rows, matrix_index* found) {
  for (matrix_index row = threadIdx.x / 32; row < rows; row += blockDim.x / 32) {
    auto const range = nibble::device::group_at(offsets, groups, row, multiple);
    if (threadIdx.x % 32 == 0) found[row] = range.group;
  }
}

/// The same by walking through the groups.
int wrong_groups(std::vector<int> const& offsets, matrix_index multiple) {
  auto const groups = static_cast<matrix_index>(offsets.size()) - 1;
  matrix_index const rows = nibble::padded_start(offsets.back(), groups, multiple) + 3;
  fixture::device_vector<int> const on_device(offsets.begin(), offsets.end());
  fixture::device_vector<matrix_index> found(static_cast<std::size_t>(rows), -1);
  find<<<1, 128>>>(on_device.data(), groups, multiple, rows, found.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got = fixture::copied(found);
  int wrong = 0;
  matrix_index group = 0;
  for (matrix_index row = 0; row < rows; ++row) {
    while (group < groups &&
           row >= nibble::padded_start(offsets[static_cast<std::size_t>(group + 1)], group + 1,
                                       multiple)) {
      ++group;
    }
    wrong += got[static_cast<std::size_t>(row)] != group;
  }
  return wrong;
}

}  // namespace

// bugs: E5
TEST_CASE("each row of the storage finds its group, empty groups and more than 32 included") {
  if (!fixture::has_device()) return;
  std::vector<int> const few{0, 5, 5, 5, 133, 133, 200, 200};
  std::vector<int> many{0};
  for (int g = 0; g < 100; ++g) many.push_back(many.back() + g * 7 % 13 * (g % 3));
  for (matrix_index const multiple : {1, 16, 128}) {
    CHECK(wrong_groups(few, multiple) == 0);
    CHECK(wrong_groups(many, multiple) == 0);
  }
}
