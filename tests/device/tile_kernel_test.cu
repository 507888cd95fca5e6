// SPDX-License-Identifier: Apache-2.0
// Which matrices are read in tiles, and that the order of tiles takes each once; the kernel itself is tested
// with both directions.
#include <doctest/doctest.h>

#include <algorithm>

#include <nibble/bf16.hpp>
#include <nibble/device/tile_kernel.cuh>

#include "support/device_memory.cuh"

namespace {

using namespace nibble;
namespace kernels = device::detail;

matrix_view<bf16 const> view_of(bf16 const* data, matrix_index rows, matrix_index columns,
                                matrix_index row_step, matrix_index column_step = 1) {
  cuda::std::array<matrix_index, 2> const strides{row_step, column_step};
  return {data, {matrix_extents(rows, columns), strides}};
}

__global__ void corners(matrix_index rows, matrix_index columns, matrix_index* out) {
  kernels::tile_order const order(rows, columns);
  matrix_index const across = (columns + 127) / 128;
  for (std::uint32_t t = threadIdx.x; t < order.count; t += blockDim.x) {
    auto const at = order.first_of(t);
    out[t] =
        at.row % 128 == 0 && at.column % 128 == 0 ? at.row / 128 * across + at.column / 128 : -1;
  }
}

}  // namespace

TEST_CASE("tiles need whole blocks both ways, contiguous rows and 16-byte alignment") {
  alignas(16) static bf16 memory[8];
  CHECK(kernels::is_tileable(view_of(memory, 32, 64, 64)));
  CHECK(kernels::is_tileable(view_of(memory, 32, 64, 72)));
  CHECK(!kernels::is_tileable(view_of(memory, 32, 64, 68)));
  CHECK(!kernels::is_tileable(view_of(memory, 33, 64, 64)));
  CHECK(!kernels::is_tileable(view_of(memory, 32, 72, 72)));
  CHECK(!kernels::is_tileable(view_of(memory, 32, 64, 128, 2)));
  CHECK(!kernels::is_tileable(view_of(memory + 1, 32, 64, 64)));
  // 2^31 tiles and more are counted elsewhere.
  CHECK(kernels::is_tileable(view_of(memory, matrix_index{1} << 36, 16, 16)));
  CHECK(!kernels::is_tileable(view_of(memory, matrix_index{1} << 38, 128, 128)));
}

TEST_CASE("every tile has its turn, once") {
  if (!fixture::has_device()) return;
  for (auto const& [rows, columns] : {std::pair<matrix_index, matrix_index>{16, 16},
                                      {1024, 640},
                                      {1152, 2048},
                                      {4000, 144},
                                      {128, 10000}}) {
    auto const count = static_cast<std::size_t>((rows + 127) / 128 * ((columns + 127) / 128));
    fixture::device_vector<matrix_index> out(count, -2);
    corners<<<1, 256>>>(rows, columns, out.data());
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    auto seen = fixture::copied(out);
    std::sort(seen.begin(), seen.end());
    for (std::size_t i = 0; i < count; ++i) REQUIRE(seen[i] == static_cast<matrix_index>(i));
  }
}
