// SPDX-License-Identifier: Apache-2.0
// Which matrices are read in tiles, and strips of one, two and four tiles, whole and cut off; all else is tested with
// both directions.
#include <doctest/doctest.h>

#include <algorithm>

#include <nibble/device/tile_kernel.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

#include "support/device_bytes.cuh"

namespace {

using namespace nibble;
namespace kernels = device::detail;

matrix_view<bf16 const> view_of(bf16 const* data, matrix_index rows, matrix_index columns,
                                matrix_index row_step, matrix_index column_step = 1) {
  cuda::std::array<matrix_index, 2> const strides{row_step, column_step};
  return {data, {matrix_extents(rows, columns), strides}};
}

/// How many bytes of both directions differ from the host's if strips are `wide` tiles and at most three CTAs take them.
template <class Layout, class T, class Rows, class Columns>
int different_bytes(fixture::matrix<T> const& values, Rows const& q_rows, Columns const& q_columns,
                    int wide) {
  auto const rows = quantized<Layout>(values.view(), q_rows);
  auto const columns = quantized<Layout>(transposed(values.view()), q_columns);
  fixture::on_device<T> const in(values);
  fixture::guarded_matrix rows_out(rows.shape()), columns_out(columns.shape());
  auto const to_rows = rows_out.view(), to_columns = columns_out.view();
  float const amaxes[2]{rows.view().amax(0, 0), columns.view().amax(0, 0)};
  cudaMemcpy(to_rows.amax.data_handle(), amaxes, sizeof(float), cudaMemcpyHostToDevice);
  cudaMemcpy(to_columns.amax.data_handle(), amaxes + 1, sizeof(float), cudaMemcpyHostToDevice);
  auto const row_side = kernels::prepared(q_rows);
  auto const column_side = kernels::prepared(q_columns);
  using row_type = std::remove_const_t<decltype(row_side)>;
  using column_type = std::remove_const_t<decltype(column_side)>;
  using out_view = std::remove_const_t<decltype(to_rows)>;
  kernels::tile_order const order(values.rows, values.columns, wide, 4);
  CHECK(kernels::launch_with<sizeof(kernels::tile_memory<T, row_type, out_view, column_type>)>(
            kernels::quantize_tiles_both<T, row_type, out_view, column_type, out_view>,
            std::min(order.count, 3u), nullptr, in.view.data_handle(), values.columns, order,
            row_side, kernels::tile_output(to_rows), column_side,
            kernels::tile_output(to_columns)) == device::status::success);
  kernels::launch_clear_padding(nullptr, to_rows);
  kernels::launch_clear_padding(nullptr, to_columns);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK((rows_out.guards_hold() && columns_out.guards_hold()));
  return rows_out.different_bytes(rows) + columns_out.different_bytes(columns);
}

}  // namespace

TEST_CASE("strips of one, two and four tiles, whole and cut off: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  using plain = cuda::std::layout_right;
  using tiled = layout::scale_tile_128x4;
  quantizer<> const nearest;
  auto const hadamard = quantizer{scaling::amax<>{}, rounding::stochastic<>{{1, 2}},
                                  transform::random_hadamard<16, bf16>{}};
  // 656 columns are 41 blocks, whose scales go one by one.
  for (matrix_index const columns : {1024, 656, 896}) {
    auto const values = fixture::filled<bf16>(272, columns, 47);
    auto const floats = fixture::filled<float>(272, columns, 53);
    for (int const wide : {1, 2, 4}) {
      CAPTURE(columns);
      CAPTURE(wide);
      CHECK(different_bytes<plain>(values, nearest, nearest, wide) == 0);
      CHECK(different_bytes<tiled>(values, nearest, hadamard, wide) == 0);
      CHECK(different_bytes<plain>(floats, nearest, hadamard, wide) == 0);
    }
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
