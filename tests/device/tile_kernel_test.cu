// SPDX-License-Identifier: Apache-2.0
// Which matrices are read in tiles; the kernel itself is tested with both directions.
#include <doctest/doctest.h>

#include <nibble/bf16.hpp>
#include <nibble/device/tile_kernel.cuh>

namespace {

using namespace nibble;
namespace kernels = device::detail;

matrix_view<bf16 const> view_of(bf16 const* data, matrix_index rows, matrix_index columns,
                                matrix_index row_step, matrix_index column_step = 1) {
  cuda::std::array<matrix_index, 2> const strides{row_step, column_step};
  return {data, {matrix_extents(rows, columns), strides}};
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
