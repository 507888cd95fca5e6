// SPDX-License-Identifier: Apache-2.0
// Strips of one, two and four tiles, whole and cut off, through the kernel of both directions: what it writes there is what
// the host makes.
#include <doctest/doctest.h>

#include <nibble/device/clear.cuh>
#include <nibble/device/tile_kernel.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

#include "support/device_bytes.cuh"

namespace {

using namespace nibble;
namespace kernels = device::detail;
using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;

/// Quantizes both ways in strips that are `wide` tiles.
template <class T, class Rows, class RowsOut, class Columns, class ColumnsOut>
void launch_strips(matrix_view<T const> in, int wide, Rows const& q_rows, RowsOut const& to_rows,
                   Columns const& q_columns, ColumnsOut const& to_columns) {
  auto const rows = kernels::prepared(q_rows);
  auto const columns = kernels::prepared(q_columns);
  using row_type = std::remove_const_t<decltype(rows)>;
  using column_type = std::remove_const_t<decltype(columns)>;
  kernels::tile_order const order(in.extent(0), in.extent(1), wide, 4);
  CHECK(kernels::launch_with<sizeof(kernels::tile_memory<T, row_type, RowsOut, column_type>)>(
            kernels::quantize_tiles_both<T, row_type, RowsOut, column_type, ColumnsOut>,
            order.count, nullptr, in.data_handle(), static_cast<matrix_index>(in.stride(0)), order,
            rows, kernels::tile_output<RowsOut>(to_rows), columns,
            kernels::tile_output<ColumnsOut>(to_columns)) == device::status::success);
}

/// How many bytes of both directions differ from the host's.
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
  launch_strips<T>(in.view, wide, q_rows, to_rows, q_columns, to_columns);
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
  auto const drawn_square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>,
                                      rounding::stochastic<>>{{}, {{3, 4}}};
  // 656 columns are 41 blocks and 1088 are 68, whose scales go one by one, and by fours where they lie in tiles.
  for (matrix_index const columns : {1024, 656, 1088}) {
    auto const values = fixture::filled<bf16>(272, columns, 47);
    auto const floats = fixture::filled<float>(272, columns, 53);
    for (int const wide : {1, 2, 4}) {
      CAPTURE(columns);
      CAPTURE(wide);
      CHECK(different_bytes<plain>(values, nearest, nearest, wide) == 0);
      CHECK(different_bytes<tiled>(values, nearest, hadamard, wide) == 0);
      CHECK(different_bytes<tiled>(values, square{}, hadamard, wide) == 0);
      CHECK(different_bytes<plain>(floats, drawn_square, hadamard, wide) == 0);
    }
  }
}

TEST_CASE("what codes are worth is written by strips, too") {
  if (!fixture::has_device()) return;
  auto const values = fixture::filled<bf16>(272, 1088, 59);
  fixture::on_device<bf16> const in(values);
  auto const host_rows = quantized(values.view(), square{});
  auto const host_columns = quantized(transposed(values.view()), quantizer<>{});
  fixture::device_vector<float> amax(1, host_rows.view().amax(0, 0));
  auto const different = [](fixture::device_vector<bf16> const& got, auto const& host) {
    auto const found = fixture::copied(got);
    auto const view = host.view();
    int wrong = 0;
    for (matrix_index i = 0; i < view.rows(); ++i) {
      for (matrix_index j = 0; j < view.columns(); ++j) {
        float const worth = static_cast<float>(fp4_e2m1(view.codes(i, j))) *
                            static_cast<float>(view.scale(i, j / 16));
        wrong += static_cast<float>(found[static_cast<std::size_t>(i * view.columns() + j)]) != worth;
      }
    }
    return wrong;
  };
  for (int const wide : {1, 2, 4}) {
    fixture::device_vector<bf16> rows(272 * 1088), columns(272 * 1088);
    launch_strips<bf16>(in.view, wide, square{},
                        kernels::decoded_output{rows.data(), 1088, 272, 1088, amax.data()},
                        quantizer<>{},
                        kernels::decoded_output{columns.data(), 272, 1088, 272, amax.data()});
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    CHECK(different(rows, host_rows) == 0);
    CHECK(different(columns, host_columns) == 0);
  }
}
