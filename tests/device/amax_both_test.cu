// SPDX-License-Identifier: Apache-2.0
// The amaxes of both directions: the device's bits are the host's, in one pass and in two.
#include <doctest/doctest.h>

#include <nibble/device/amax_both.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize_both.hpp>

#include "support/guarded_memory.cuh"

namespace {

using namespace nibble;
using plain = cuda::std::layout_right;
using nearest = quantizer<>;
using hadamard = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even,
                           transform::random_hadamard<16, bf16>>;
using by_row = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>;

/// How many bytes of the amaxes of both directions differ from the host's.
template <class Rows, class Columns, class T>
std::size_t different_bytes(fixture::matrix<T> const& values) {
  quantized_by<Rows> rows(shape_for<Rows>(values.rows, values.columns));
  quantized_by<Columns> columns(shape_for<Columns>(values.columns, values.rows));
  find_amax_both(values.view(), rows.view(), columns.view(), Rows{}, Columns{});
  fixture::on_device<T> const in(values);
  fixture::guarded_matrix<Rows, plain> rows_out(rows.shape());
  fixture::guarded_matrix<Columns, plain> columns_out(columns.shape());
  CHECK(device::find_amax_both(cuda::stream_ref{cudaStream_t{}}, in.view, rows_out.view(),
                               columns_out.view(), Rows{}, Columns{}) == device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(rows_out.guards_hold());
  CHECK(columns_out.guards_hold());
  CHECK(rows_out.codes.untouched());
  std::size_t differences = 0;
  auto const compare = [&](std::vector<std::uint8_t> const& got,
                           std::vector<float> const& expected) {
    auto const* const bytes = reinterpret_cast<std::uint8_t const*>(expected.data());
    for (std::size_t i = 0; i < got.size(); ++i) differences += got[i] != bytes[i];
  };
  compare(rows_out.amax.inside(), rows.amax());
  compare(columns_out.amax.inside(), columns.amax());
  return differences;
}

template <class Rows, class Columns, class T = bf16>
std::size_t over_shapes() {
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
}

TEST_CASE("an output of another shape is a status") {
  if (!fixture::has_device()) return;
  fixture::on_device<bf16> const in(fixture::filled<bf16>(32, 64, 8));
  fixture::guarded_matrix<nearest, plain> right(shape_for<nearest>(32, 64)),
      wrong(shape_for<nearest>(32, 64));
  CHECK(device::find_amax_both(cuda::stream_ref{cudaStream_t{}}, in.view, right.view(),
                               wrong.view(), nearest{},
                               nearest{}) == device::status::shape_mismatch);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(wrong.untouched());
}
