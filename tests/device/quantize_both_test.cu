// SPDX-License-Identifier: Apache-2.0
// Both directions in one pass: the device's bytes are those of the host's quantize of a matrix and of its
// transpose, and nothing else is written.
#include <doctest/doctest.h>

#include <nibble/device/quantize_both.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

#include "support/captured.cuh"
#include "support/device_bytes.cuh"
#include "support/digest_of.hpp"

namespace {

using namespace nibble;
using tiled = layout::scale_tile_128x4;
using plain = cuda::std::layout_right;
using nearest = quantizer<>;
using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using rht = transform::random_hadamard<16, bf16>;
using hadamard = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even, rht>;

using fixture::default_stream;

constexpr auto stochastic(std::uint64_t seed) {
  return quantizer{scaling::amax<>{}, rounding::stochastic<>{{seed, 7}}};
}
constexpr auto stochastic_hadamard(std::uint64_t seed) {
  return quantizer{scaling::amax<>{}, rounding::stochastic<>{{seed, 8}}, rht{}};
}

/// How many bytes of codes, scales with their padding and amaxes differ from the host's; guards count.
template <class RowLayout, class ColumnLayout, class T, class Rows, class Columns>
int different_bytes(fixture::matrix<T> const& values, Rows const& q_rows,
                    Columns const& q_columns, std::size_t shift = 0, std::size_t code_shift = 0,
                    std::size_t scale_shift = 0) {
  auto const rows = quantized<RowLayout>(values.view(), q_rows);
  auto const columns = quantized<ColumnLayout>(transposed(values.view()), q_columns);
  fixture::on_device<T> const in(values, shift);
  fixture::guarded_matrix rows_out(rows.shape(), code_shift, scale_shift);
  fixture::guarded_matrix columns_out(columns.shape(), code_shift, scale_shift);
  CHECK(device::quantize_both(default_stream, in.view, rows_out.view(), columns_out.view(),
                              q_rows, q_columns) == device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(rows_out.guards_hold());
  CHECK(columns_out.guards_hold());

  // The column direction alone, from a view of the transpose.
  fixture::guarded_matrix alone(columns.shape(), code_shift, scale_shift);
  CHECK(device::quantize(default_stream, transposed(in.view), alone.view(), q_columns) ==
        device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(alone.guards_hold());
  return rows_out.different_bytes(rows) + columns_out.different_bytes(columns) +
         alone.different_bytes(columns);
}

struct shape {
  matrix_index rows, columns;
};

template <class RowLayout = plain, class ColumnLayout = plain, class T = bf16, class Rows,
          class Columns>
int over_shapes(Rows const& q_rows, Columns const& q_columns) {
  int differences = 0;
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
    CHECK(different_bytes<plain, plain>(narrow, nearest{}, nearest{}) == 0);
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

// bugs: E8
TEST_CASE("rows and columns at odd strides, and shifted ones too: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  auto const values = fixture::filled<bf16>(144, 160, 19);
  struct steps {
    matrix_index row, column;
  };
  for (steps const s :
       {steps{161, 1}, steps{168, 1}, steps{333, 2}, steps{1, 145}, steps{3, 441}}) {
    auto const strided = fixture::restrided(values, s.row, s.column);
    for (std::size_t const shift : {0u, 1u, 3u}) {
      CHECK(different_bytes<plain, tiled>(strided, nearest{}, hadamard{}, shift) == 0);
      CHECK(different_bytes<tiled, tiled>(strided, stochastic(5), stochastic_hadamard(6), shift, 1,
                                          1) == 0);
      CHECK(different_bytes<plain, plain>(strided, square{}, square{}, shift) == 0);
    }
  }
}

// bugs: E4
TEST_CASE(
    "more than 65535 tiles in a dimension, of 16 and of 128 rows: device bytes are host bytes") {
  if (!fixture::has_device()) return;
  constexpr matrix_index many = 65536;
  // Ragged, so that no tile is taken: group by group.
  CHECK(different_bytes<plain, plain>(fixture::filled<bf16>(16 * many + 5, 3, 41), nearest{},
                                      nearest{}) == 0);
  if (fixture::is_brief()) return;
  CHECK(different_bytes<plain, plain>(fixture::filled<bf16>(128 * many + 16, 16, 23), nearest{},
                                      nearest{}) == 0);
  CHECK(different_bytes<plain, plain>(fixture::filled<bf16>(16, 16 * many + 16, 29), nearest{},
                                      nearest{}) == 0);
  CHECK(different_bytes<plain, plain>(fixture::filled<bf16>(16 * many + 16, 32, 31), square{},
                                      square{}) == 0);
  CHECK(different_bytes<plain, plain>(fixture::filled<bf16>(32, 16 * many + 16, 37), square{},
                                      square{}) == 0);
}

// bugs: F4
TEST_CASE(
    "strips of any width in any order, any stream and a replayed graph: one digest of both "
    "directions") {
  if (!fixture::has_device()) return;
  namespace kernels = device::detail;
  auto const values = fixture::filled<bf16>(384, 640, 43);
  auto const q_rows = stochastic(5);
  auto const q_columns = stochastic_hadamard(6);
  fixture::on_device<bf16> const in(values);
  auto const rows = quantized<tiled>(values.view(), q_rows);
  auto const columns = quantized<tiled>(transposed(values.view()), q_columns);
  std::uint64_t const need[2]{fixture::digest_of(rows), fixture::digest_of(columns)};
  CHECK(need[0] != need[1]);
  // The launcher takes a block for each of these 15 tiles. There is no padding, which it would clear.
  struct shape {
    int wide;
    unsigned tall;
  };
  for (shape const s : {shape{1, 1}, shape{1, 4}, shape{2, 2}, shape{4, 1}, shape{4, 8}}) {
    fixture::guarded_matrix<nvfp4_block, tiled> rows_out(rows.shape()), columns_out(columns.shape());
    auto const launch = [&](cuda::stream_ref on) {
      auto const row_side = kernels::prepared(q_rows);
      auto const column_side = kernels::prepared(q_columns);
      using row_type = std::remove_const_t<decltype(row_side)>;
      using column_type = std::remove_const_t<decltype(column_side)>;
      using out_view = quantized_view<nvfp4_block, tiled>;
      auto const kernel =
          kernels::quantize_tiles_both<bf16, row_type, out_view, column_type, out_view>;
      constexpr int bytes = sizeof(kernels::tile_memory<bf16, row_type, out_view, column_type>);
      CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes) ==
            cudaSuccess);
      out_view const to_rows = rows_out.view(), to_columns = columns_out.view();
      rows_out.overwrite(on.get());
      columns_out.overwrite(on.get());
      CHECK(device::find_amax_both(on, in.view, to_rows, to_columns, q_rows, q_columns) ==
            device::status::success);
      kernels::tile_order const order(384, 640, s.wide, s.tall);
      kernel<<<order.count, kernels::threads_per_block, bytes, on.get()>>>(
          in.view.data_handle(), 640, order, row_side,
          kernels::tile_output(to_rows), column_side, kernels::tile_output(to_columns));
      CHECK(cudaPeekAtLastError() == cudaSuccess);
    };
    auto const check = [&] {
      REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
      CHECK(fixture::digest_of(rows_out) == need[0]);
      CHECK(fixture::digest_of(columns_out) == need[1]);
      CHECK((rows_out.guards_hold() && columns_out.guards_hold()));
    };
    launch(default_stream);
    check();
    fixture::captured const graph(launch);
    for (int replay = 0; replay < 2; ++replay) {
      graph.replay();
      check();
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
    fixture::guarded_matrix<nvfp4_block> rows_out(rows.shape());
    fixture::guarded_matrix<nvfp4_block> columns_out(columns.shape());
    rows_out.amax.upload(rows.amax().data(), sizeof(float));
    columns_out.amax.upload(columns.amax().data(), sizeof(float));
    CHECK(device::quantize_both_with_amax(default_stream, in.view, rows_out.view(),
                                          columns_out.view(), q_rows,
                                          q_columns) == device::status::success);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    return rows_out.different_bytes(rows) + columns_out.different_bytes(columns);
  };
  CHECK(run(nearest{}, hadamard{}) == 0);
  CHECK(run(stochastic(3), stochastic_hadamard(4)) == 0);
  CHECK(run(square{}, square{}) == 0);
}

// bugs: E6
TEST_CASE("nothing to quantize leaves no error behind, and a wrong shape writes nothing") {
  if (!fixture::has_device()) return;
  fixture::device_vector<bf16> const memory(64 * 64);
  for (shape const s : {shape{0, 64}, shape{64, 0}, shape{0, 0}}) {
    cuda::std::span<bf16 const> const none(memory.data(), memory.size());
    auto const in = *make_matrix_view(none, s.rows, s.columns);
    fixture::guarded_matrix<nvfp4_block> rows_out(shape_for<nearest>(s.rows, s.columns));
    fixture::guarded_matrix<nvfp4_block> columns_out(shape_for<nearest>(s.columns, s.rows));
    CHECK(device::quantize_both_with_amax(default_stream, in, rows_out.view(), columns_out.view(),
                                          nearest{}, nearest{}) == device::status::success);
    CHECK(cudaGetLastError() == cudaSuccess);
    CHECK(rows_out.is_untouched());
  }
  auto const in =
      *make_matrix_view(cuda::std::span<bf16 const>(memory.data(), memory.size()), 32, 64);
  fixture::guarded_matrix<nvfp4_block> rows_out(shape_for<nearest>(32, 64));
  fixture::guarded_matrix<nvfp4_block> columns_out(shape_for<nearest>(32, 64));
  CHECK(device::quantize_both(default_stream, in, rows_out.view(), columns_out.view(), nearest{},
                              nearest{}) == device::status::shape_mismatch);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(rows_out.is_untouched());
  CHECK(columns_out.is_untouched());
  // Of the columns alone: the rows' amaxes are not written either, with one amax or one a row.
  using by_row = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>;
  auto const run = [&]<class Quantizer>(Quantizer const& q) {
    fixture::guarded_matrix<nvfp4_block> right(shape_for<Quantizer>(32, 64));
    fixture::guarded_matrix<nvfp4_block> wrong(shape_for<Quantizer>(32, 64));
    CHECK(device::find_amax_both(default_stream, in, right.view(), wrong.view(), q, q) ==
          device::status::shape_mismatch);
    CHECK(device::quantize_both(default_stream, in, right.view(), wrong.view(), q, q) ==
          device::status::shape_mismatch);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    CHECK((right.is_untouched() && wrong.is_untouched()));
  };
  run(nearest{});
  run(by_row{});
}
