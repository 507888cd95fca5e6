// SPDX-License-Identifier: Apache-2.0
// The order of tiles, or of strips of them, takes each once and knows how much of it is inside.
#include <doctest/doctest.h>

#include <algorithm>

#include <nibble/device/tile_order.cuh>

#include "support/device_memory.cuh"

namespace {

using nibble::matrix_index;
namespace kernels = nibble::device::detail;

template <bool ByRows>
__global__ void corners(kernels::tile_order order, matrix_index rows, matrix_index columns,
                        matrix_index width, matrix_index* out) {
  matrix_index const across = (columns + width - 1) / width;
  for (std::uint32_t t = threadIdx.x; t < order.count; t += blockDim.x) {
    auto const at = ByRows ? order.of_rows(t) : order.of(t);
    bool const is_right = at.row % 128 == 0 && at.column % width == 0 &&
                          at.rows == min(matrix_index{128}, rows - at.row) &&
                          at.columns == min(width, columns - at.column);
    out[t] = is_right ? at.row / 128 * across + at.column / width : -1;
  }
}

}  // namespace

TEST_CASE("every tile, and every strip, has its turn, once") {
  if (!fixture::has_device()) return;
  for (auto const& [rows, columns] : {std::pair<matrix_index, matrix_index>{16, 16},
                                      {1024, 640},
                                      {1152, 2048},
                                      {4000, 144},
                                      {128, 10000}}) {
    for (auto const& [wide, tall] : {std::pair<int, unsigned>{1, 8}, {4, 8}, {4, 4}, {2, 1}}) {
      matrix_index const width = 128 * wide;
      auto const count =
          static_cast<std::size_t>((rows + 127) / 128 * ((columns + width - 1) / width));
      fixture::device_vector<matrix_index> bands(count, -2), by_rows(count, -2);
      kernels::tile_order const order(rows, columns, wide, tall);
      corners<false><<<1, 256>>>(order, rows, columns, width, bands.data());
      corners<true><<<1, 256>>>(order, rows, columns, width, by_rows.data());
      REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
      auto seen = fixture::copied(bands);
      std::sort(seen.begin(), seen.end());
      auto const next = fixture::copied(by_rows);
      for (std::size_t i = 0; i < count; ++i) {
        REQUIRE(seen[i] == static_cast<matrix_index>(i));
        REQUIRE(next[i] == static_cast<matrix_index>(i));
      }
    }
  }
}
