// SPDX-License-Identifier: Apache-2.0
// Which matrices are read in tiles, how they are cut into strips, and that three CTAs fit a multiprocessor; the kernel is
// tested by strips and with both directions.
#include <doctest/doctest.h>

#include <nibble/device/tile_kernel.cuh>
#include <nibble/nibble.hpp>

namespace {

using namespace nibble;
namespace kernels = device::detail;

matrix_view<bf16 const> view_of(bf16 const* data, matrix_index rows, matrix_index columns,
                                matrix_index row_step, matrix_index column_step = 1) {
  cuda::std::array<matrix_index, 2> const strides{row_step, column_step};
  return {data, {matrix_extents(rows, columns), strides}};
}

using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using plain_view = quantized_view<nvfp4_block, cuda::std::layout_right>;

template <class T, class Rows, class RowsOut, class Columns>
inline constexpr bool fits_thrice =
    3 * (sizeof(kernels::tile_memory<T, Rows, RowsOut, Columns>) + 1024) <= 228 * 1024;
static_assert(fits_thrice<bf16, quantizer<>, plain_view, quantizer<>> &&
              fits_thrice<float, quantizer<>, plain_view, quantizer<>> &&
              fits_thrice<bf16, square, plain_view, square> &&
              fits_thrice<bf16, square, kernels::decoded_output, square>);

}  // namespace

TEST_CASE("strips are narrower where there would be few of them") {
  struct shape {
    matrix_index rows, columns;
    int width;
    unsigned count;
  };
  for (shape const s : {shape{16384, 16384, 512, 4096}, shape{8192, 8192, 512, 1024},
                        shape{128 * 33, 128 * 112, 512, 924}, shape{128 * 33, 128 * 108, 256, 1782},
                        shape{4096, 4096, 128, 1024}, shape{16, 16, 128, 1}}) {
    auto const order = kernels::strips_of(s.rows, s.columns);
    CHECK(order.width == s.width);
    CHECK(order.count == s.count);
  }
}

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
