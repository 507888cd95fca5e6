// SPDX-License-Identifier: Apache-2.0
// Both directions in one pass: the device's bytes are those of the host's quantize of a matrix and of its
// transpose, and nothing else is written.
#include <doctest/doctest.h>

#include <nibble/device/quantize_both.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

#include "support/guarded_memory.cuh"

namespace {

using namespace nibble;
using tiled = layout::scale_tile_128x4;
using plain = cuda::std::layout_right;
using nearest = quantizer<>;
using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using rht = transform::random_hadamard<16, bf16>;
using hadamard = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even, rht>;

cuda::stream_ref default_stream() { return cuda::stream_ref{cudaStream_t{}}; }

constexpr auto stochastic(std::uint64_t seed) {
  return quantizer{scaling::amax<>{}, rounding::stochastic<>{{seed, 7}}};
}
constexpr auto stochastic_hadamard(std::uint64_t seed) {
  return quantizer{scaling::amax<>{}, rounding::stochastic<>{{seed, 8}}, rht{}};
}

/// How many bytes of codes, scales with their padding and amaxes differ from the host's; guards count.
template <class RowLayout, class ColumnLayout, class T, class Rows, class Columns>
std::size_t different_bytes(fixture::matrix<T> const& values, Rows const& q_rows,
                            Columns const& q_columns, std::size_t shift = 0,
                            std::size_t code_shift = 0, std::size_t scale_shift = 0) {
  auto const rows = quantized<RowLayout>(values.view(), q_rows);
  auto const columns = quantized<ColumnLayout>(transposed(values.view()), q_columns);
  fixture::on_device<T> const in(values, shift);
  fixture::guarded_matrix<Rows, RowLayout> rows_out(rows.shape(), code_shift, scale_shift);
  fixture::guarded_matrix<Columns, ColumnLayout> columns_out(columns.shape(), code_shift,
                                                             scale_shift);
  CHECK(device::quantize_both(default_stream(), in.view, rows_out.view(), columns_out.view(),
                              q_rows, q_columns) == device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(rows_out.guards_hold());
  CHECK(columns_out.guards_hold());

  // The column direction alone, from a view of the transpose.
  fixture::guarded_matrix<Columns, ColumnLayout> alone(columns.shape(), code_shift, scale_shift);
  CHECK(device::quantize(default_stream(), transposed(in.view), alone.view(), q_columns) ==
        device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(alone.guards_hold());
  return rows_out.differences(rows) + columns_out.differences(columns) + alone.differences(columns);
}

struct shape {
  matrix_index rows, columns;
};

template <class RowLayout = plain, class ColumnLayout = plain, class T = bf16, class Rows,
          class Columns>
std::size_t over_shapes(Rows const& q_rows, Columns const& q_columns) {
  std::size_t differences = 0;
  for (shape const s : {shape{128, 128}, shape{16, 16}, shape{144, 272}, shape{384, 48},
                        shape{33, 70}, shape{1, 16}, shape{17, 1}, shape{1024, 640}}) {
    differences += different_bytes<RowLayout, ColumnLayout>(
        fixture::filled<T>(s.rows, s.columns, 3), q_rows, q_columns);
  }
  differences += different_bytes<RowLayout, ColumnLayout>(
      fixture::restrided(fixture::filled<T>(48, 96, 5), 112, 1), q_rows, q_columns);
  return differences;
}

}  // namespace

TEST_CASE("nearest rounding in both directions: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  CHECK(over_shapes(nearest{}, nearest{}) == 0);
  CHECK(over_shapes<tiled, tiled>(nearest{}, nearest{}) == 0);
  CHECK(over_shapes<plain, tiled, float>(nearest{}, nearest{}) == 0);
  CHECK(over_shapes<tiled, plain, fp16>(nearest{}, nearest{}) == 0);
}

TEST_CASE("a Hadamard transform on the columns: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  CHECK(over_shapes(nearest{}, hadamard{}) == 0);
  CHECK(over_shapes<tiled, tiled, float>(hadamard{}, hadamard{}) == 0);
}

TEST_CASE("stochastic rounding, transformed and not: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  CHECK(over_shapes<tiled, tiled>(stochastic(5), stochastic_hadamard(6)) == 0);
  CHECK(over_shapes<plain, plain, float>(stochastic(1), stochastic(2)) == 0);
}

TEST_CASE("16x16 tiles: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  CHECK(over_shapes(square{}, square{}) == 0);
  CHECK(over_shapes<tiled, tiled>(square{}, hadamard{}) == 0);
  CHECK(over_shapes<plain, tiled, float>(nearest{}, square{}) == 0);
}

TEST_CASE("quantizers without a kernel for both directions: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  CHECK(over_shapes(quantizer{scaling::four_over_six<>{}}, quantizer{scaling::four_over_six<>{}}) ==
        0);
  using mx = quantizer<mxfp4_block, scaling::power_of_two<scaling::exponent_rule::round_up>>;
  CHECK(over_shapes(mx{}, nearest{}) == 0);
  using by_row = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>;
  CHECK(over_shapes(by_row{}, by_row{}) == 0);
}

TEST_CASE("NaN, infinity, zeros, subnormals and the largest floats: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  for (std::uint32_t const bits : {0u, 0x80000000u, 1u, 0x7F7FFFFFu, 0x7F800000u, 0xFF800000u,
                                   0x7FC00000u, 0xFFC00001u, 0x00800000u}) {
    auto values = fixture::filled<float>(64, 64, 9);
    for (matrix_index i = 0; i < 64; i += 3) {
      for (matrix_index j = i % 5; j < 64; j += 5) values(i, j) = detail::float_from_bits(bits);
    }
    for (matrix_index j = 0; j < 64; ++j) values(17, j) = detail::float_from_bits(bits);
    CHECK(different_bytes<plain, plain>(values, nearest{}, nearest{}) == 0);
    CHECK(different_bytes<plain, plain>(values, stochastic(1), stochastic_hadamard(2)) == 0);
    CHECK(different_bytes<plain, plain>(values, square{}, square{}) == 0);
    fixture::matrix<bf16> narrow(64, 64);
    for (matrix_index i = 0; i < 64; ++i) {
      for (matrix_index j = 0; j < 64; ++j) narrow(i, j) = bf16(values(i, j));
    }
    CHECK(different_bytes<plain, plain>(narrow, nearest{}, hadamard{}) == 0);
    CHECK(different_bytes<plain, plain>(narrow, stochastic(1), stochastic_hadamard(2)) == 0);
    CHECK(different_bytes<plain, plain>(narrow, square{}, square{}) == 0);
  }
}

// bugs: E8 E10
TEST_CASE("outputs and inputs off their alignment: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  auto const values = fixture::filled<bf16>(144, 160, 11);
  for (std::size_t const shift : {0u, 1u, 4u, 8u}) {
    for (std::size_t const code_shift : {0u, 1u, 8u}) {
      for (std::size_t const scale_shift : {0u, 1u, 8u}) {
        CHECK(different_bytes<plain, tiled>(values, nearest{}, hadamard{}, shift, code_shift,
                                            scale_shift) == 0);
      }
    }
  }
}

TEST_CASE("an amax that is too small saturates, in both directions as on the host") {
  if (!fixture::has_device()) return;
  auto const values = fixture::filled<bf16>(128, 256, 13);
  auto const run = [&](auto const& q_rows, auto const& q_columns) {
    using rows_type = std::remove_cvref_t<decltype(q_rows)>;
    using columns_type = std::remove_cvref_t<decltype(q_columns)>;
    quantized_by<rows_type> rows(shape_for<rows_type>(128, 256));
    quantized_by<columns_type> columns(shape_for<columns_type>(256, 128));
    rows.view().amax(0, 0) = 0.5f;
    columns.view().amax(0, 0) = 0.25f;
    quantize_with_amax(values.view(), rows.view(), q_rows);
    quantize_with_amax(transposed(values.view()), columns.view(), q_columns);
    fixture::on_device<bf16> const in(values);
    fixture::guarded_matrix<rows_type, plain> rows_out(rows.shape());
    fixture::guarded_matrix<columns_type, plain> columns_out(columns.shape());
    cudaMemcpy(rows_out.amax.data(), rows.amax().data(), sizeof(float), cudaMemcpyHostToDevice);
    cudaMemcpy(columns_out.amax.data(), columns.amax().data(), sizeof(float),
               cudaMemcpyHostToDevice);
    CHECK(device::quantize_both_with_amax(default_stream(), in.view, rows_out.view(),
                                          columns_out.view(), q_rows,
                                          q_columns) == device::status::success);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    return rows_out.differences(rows) + columns_out.differences(columns);
  };
  CHECK(run(nearest{}, hadamard{}) == 0);
  CHECK(run(stochastic(3), stochastic_hadamard(4)) == 0);
  CHECK(run(square{}, square{}) == 0);
}

// bugs: E6
TEST_CASE("nothing to quantize leaves no error behind, and a wrong shape writes nothing") {
  if (!fixture::has_device()) return;
  thrust::device_vector<bf16> const memory(64 * 64);
  for (shape const s : {shape{0, 64}, shape{64, 0}, shape{0, 0}}) {
    cuda::std::span<bf16 const> const none(thrust::raw_pointer_cast(memory.data()), memory.size());
    auto const in = *make_matrix_view(none, s.rows, s.columns);
    fixture::guarded_matrix<nearest, plain> rows_out(shape_for<nearest>(s.rows, s.columns));
    fixture::guarded_matrix<nearest, plain> columns_out(shape_for<nearest>(s.columns, s.rows));
    CHECK(device::quantize_both_with_amax(default_stream(), in, rows_out.view(), columns_out.view(),
                                          nearest{}, nearest{}) == device::status::success);
    CHECK(cudaGetLastError() == cudaSuccess);
    CHECK(rows_out.untouched());
  }
  auto const in = *make_matrix_view(
      cuda::std::span<bf16 const>(thrust::raw_pointer_cast(memory.data()), memory.size()), 32, 64);
  fixture::guarded_matrix<nearest, plain> rows_out(shape_for<nearest>(32, 64));
  fixture::guarded_matrix<nearest, plain> columns_out(shape_for<nearest>(32, 64));
  CHECK(device::quantize_both(default_stream(), in, rows_out.view(), columns_out.view(), nearest{},
                              nearest{}) == device::status::shape_mismatch);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(rows_out.untouched());
  CHECK(columns_out.untouched());
}
