// SPDX-License-Identifier: Apache-2.0
// The amaxes of both directions: the device's bits are the host's, in one pass and in two.
#include <doctest/doctest.h>

#include <nibble/device/amax_both.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize_both.hpp>

#include "support/device_bytes.cuh"

namespace {

using namespace nibble;
using nearest = quantizer<>;
using hadamard = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even,
                           transform::random_hadamard<16, bf16>>;
using by_row = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>;

/// How many bytes of the amaxes of both directions differ from the host's.
template <class Rows, class Columns, class T>
int different_bytes(fixture::matrix<T> const& values) {
  quantized_by<Rows> rows(shape_for<Rows>(values.rows, values.columns));
  quantized_by<Columns> columns(shape_for<Columns>(values.columns, values.rows));
  find_amax_both(values.view(), rows.view(), columns.view(), Rows{}, Columns{});
  fixture::on_device<T> const in(values);
  fixture::guarded_matrix<nvfp4_block> rows_out(rows.shape());
  fixture::guarded_matrix<nvfp4_block> columns_out(columns.shape());
  CHECK(device::find_amax_both(fixture::default_stream, in.view, rows_out.view(),
                               columns_out.view(), Rows{}, Columns{}) == device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(rows_out.guards_hold());
  CHECK(columns_out.guards_hold());
  CHECK(rows_out.codes.is_untouched());
  return fixture::bytes_unlike(rows_out.amax.inside(), rows.amax()) +
         fixture::bytes_unlike(columns_out.amax.inside(), columns.amax());
}

template <class Rows, class Columns, class T = bf16>
int over_shapes() {
  return different_bytes<Rows, Columns>(fixture::filled<T>(256, 512, 3)) +
         different_bytes<Rows, Columns>(fixture::filled<T>(16, 16, 4)) +
         different_bytes<Rows, Columns>(fixture::filled<T>(33, 70, 5)) +
         different_bytes<Rows, Columns>(fixture::restrided(fixture::filled<T>(48, 96, 6), 112, 1)) +
         different_bytes<Rows, Columns>(fixture::restrided(fixture::filled<T>(48, 96, 6), 3, 150));
}

}  // namespace

TEST_CASE("amaxes of plain rows and of plain or transformed columns are the host's") {
  if (!fixture::has_device()) return;
  CHECK(over_shapes<nearest, nearest>() == 0);
  CHECK(over_shapes<nearest, hadamard>() == 0);
  CHECK(over_shapes<nearest, hadamard, float>() == 0);
}

TEST_CASE("amaxes that need two passes are the host's") {
  if (!fixture::has_device()) return;
  CHECK(over_shapes<hadamard, nearest>() == 0);
  CHECK(over_shapes<by_row, by_row>() == 0);
}

TEST_CASE("NaN does not count, in either direction") {
  if (!fixture::has_device()) return;
  auto values = fixture::filled<float>(32, 64, 7);
  values(3, 5) = detail::float_from_bits(0x7FC00000u);
  CHECK(different_bytes<nearest, nearest>(values) == 0);
  CHECK(different_bytes<nearest, hadamard>(values) == 0);
  auto narrow = fixture::filled<bf16>(32, 64, 7);
  narrow(3, 5) = bf16::from_bits(0x7FC0u);
  CHECK(different_bytes<nearest, hadamard>(narrow) == 0);
  // Sums that overflow, and an infinity that becomes a NaN where it meets another.
  narrow(9, 6) = narrow(10, 6) = bf16::from_bits(0xFF7Fu);
  CHECK(different_bytes<nearest, hadamard>(narrow) == 0);
  narrow(20, 40) = narrow(23, 40) = bf16::from_bits(0x7F80u);
  CHECK(different_bytes<nearest, hadamard>(narrow) == 0);
}

TEST_CASE("an output of another shape is a status") {
  if (!fixture::has_device()) return;
  fixture::on_device<bf16> const in(fixture::filled<bf16>(32, 64, 8));
  fixture::guarded_matrix<nvfp4_block> right(shape_for<nearest>(32, 64)),
      wrong(shape_for<nearest>(32, 64));
  CHECK(device::find_amax_both(fixture::default_stream, in.view, right.view(),
                               wrong.view(), nearest{},
                               nearest{}) == device::status::shape_mismatch);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(wrong.is_untouched());
}
