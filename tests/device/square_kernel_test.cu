// SPDX-License-Identifier: Apache-2.0
// Square tiles in both directions, and which directions' codes may be turned: device bytes are host bytes where the
// tiles of a warp are of different kinds.
#include <doctest/doctest.h>

#include <nibble/device/clear.cuh>
#include <nibble/device/quantize_both.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

#include "support/device_bytes.cuh"

using namespace nibble;

namespace {

using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using unscaled = quantizer<nvfp4_block, scaling::amax<scaling::tile::square, tensor_scale::none>>;
using drawn = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>, rounding::stochastic<>>;
using view = quantized_view<nvfp4_block>;
namespace kernels = device::detail;
static_assert(kernels::turns_squares<square, view>);
static_assert(kernels::turns_squares<kernels::no_side, kernels::no_side>);
static_assert(!kernels::turns_squares<square, kernels::decoded_output>);
static_assert(!kernels::turns_squares<quantizer<>, view> && !kernels::turns_squares<drawn, view>);

/// Bytes unlike the host's, and broken guards, of strips of `wide` tiles under two amaxes, the columns by another
/// quantizer or not, with a scale for each row or for each square.
template <class ScaleLayout, class Columns = square, class T>
int different_bytes(fixture::matrix<T> const& values, int wide, float amax, float column_amax,
                    bool is_for_each_square = false) {
  square const q;
  Columns const q_columns;
  quantized_matrix<nvfp4_block, ScaleLayout> rows(
      shape_for<square, ScaleLayout>(values.rows, values.columns, is_for_each_square)),
      columns(shape_for<Columns, ScaleLayout>(values.columns, values.rows, is_for_each_square));
  rows.view().amax(0, 0) = amax;
  columns.view().amax(0, 0) = column_amax;
  quantize_with_amax(values.view(), rows.view(), q);
  quantize_with_amax(transposed(values.view()), columns.view(), q_columns);
  fixture::on_device<T> const in(values);
  fixture::guarded_matrix rows_out(rows), columns_out(columns);
  rows_out.overwrite(cudaStream_t{});
  columns_out.overwrite(cudaStream_t{});
  using view_type = quantized_view<nvfp4_block, ScaleLayout>;
  kernels::tile_order const order(values.rows, values.columns, wide);
  CHECK(kernels::launch_with<sizeof(kernels::square_memory<T, square, Columns>)>(
            kernels::quantize_squares<T, square, view_type, Columns, view_type>,
            std::min(order.count, 2u), cudaStream_t{}, in.view.data_handle(), in.view.stride(0),
            order, q, kernels::tile_output<view_type>(rows_out.view()), q_columns,
            kernels::tile_output<view_type>(columns_out.view())) == device::status::success);
  kernels::launch_clear_padding(cudaStream_t{}, rows_out.view());
  kernels::launch_clear_padding(cudaStream_t{}, columns_out.view());
  return rows_out.different_bytes(rows) + columns_out.different_bytes(columns);
}

}  // namespace

TEST_CASE(
    "tiles and strips of them, cut off anywhere, under one amax and under two, are the host's") {
  if (!fixture::has_device()) return;
  using plain = cuda::std::layout_right;
  using tiled = layout::scale_tile_128x4;
  struct shape {
    matrix_index rows, columns;
  };
  for (shape const s : {shape{16, 16}, shape{128, 640}, shape{272, 1168}}) {
    auto const values = fixture::filled<bf16>(s.rows, s.columns, 12);
    for (int const wide : {1, 4}) {
      CHECK(different_bytes<plain>(values, wide, 127, 127) == 0);
      CHECK(different_bytes<tiled>(values, wide, 127, 127) == 0);
      CHECK(different_bytes<plain>(values, wide, 127, 300) == 0);
      CHECK(different_bytes<tiled>(fixture::restrided(values, s.columns + 24, 1), wide, 3, 127) ==
            0);
      CHECK(different_bytes<plain>(fixture::filled<float>(s.rows, s.columns, 13), wide, 9, 9) == 0);
      CHECK(different_bytes<plain>(fixture::filled<fp16>(s.rows, s.columns, 14), wide, 9, 9) == 0);
      CHECK(different_bytes<plain>(values, wide, 127, 127, true) == 0);
      CHECK(different_bytes<tiled, unscaled>(values, wide, 127, 127) == 0);
    }
  }
}

TEST_CASE(
    "square tiles of all kinds side by side: device bytes are host bytes in both directions") {
  if (!fixture::has_device()) return;
  float lift = 1, largest = 1000;
  SUBCASE("of small numbers") {}
  SUBCASE("of numbers around 2^121, whose bits no half has") {
    lift = 0x1p115f;
    largest = 0x1p127f;
  }
  quantizer<nvfp4_block, scaling::amax<scaling::tile::square>> const q;
  auto values = fixture::filled<bf16>(160, 272, 4);
  for (matrix_index i = 0; i < 160; ++i) {
    for (matrix_index j = 0; j < 272; ++j) {
      auto const kind = (i / 16 + j / 16) % 5;
      values(i, j) = bf16(static_cast<float>(values(i, j)) * lift);
      if (kind == 1 && i % 16 == 9 && j % 16 == 3) values(i, j) = bf16::from_bits(0xFFC0);
      if (kind == 2) values(i, j) = bf16::from_bits(0x8000);
      if (kind == 3) values(i, j) = bf16(static_cast<float>(values(i, j)) * 0x1p-20f);
    }
  }
  values(40, 40) = bf16(largest);
  auto const rows = quantized(values.view(), q);
  auto const columns = quantized(transposed(values.view()), q);
  fixture::on_device<bf16> const in(values);
  fixture::guarded_matrix rows_out(rows.shape()), columns_out(columns.shape());
  CHECK(device::quantize_both(fixture::default_stream, in.view, rows_out.view(), columns_out.view(),
                              q, q) == device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(rows_out.guards_hold());
  CHECK(columns_out.guards_hold());
  CHECK(rows_out.different_bytes(rows) == 0);
  CHECK(columns_out.different_bytes(columns) == 0);
}
