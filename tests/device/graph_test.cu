// SPDX-License-Identifier: Apache-2.0
// Every launcher in a CUDA graph: captured once, replayed on other data and with other random numbers,
// each time the host's bytes.
#include <doctest/doctest.h>

#include <nibble/device/dequantize.cuh>
#include <nibble/device/grouped.cuh>
#include <nibble/device/metrics.cuh>
#include <nibble/device/quantize.cuh>
#include <nibble/device/quantize_both.cuh>
#include <nibble/device/requantize.cuh>
#include <nibble/device/swizzle.cuh>
#include <nibble/device/transpose.cuh>
#include <nibble/nibble.hpp>
#include <nibble/part.hpp>
#include <nibble/quantize_both.hpp>
#include <nibble/random/philox_in_memory.hpp>
#include <nibble/transpose.hpp>

#include "support/captured.cuh"
#include "support/device_bytes.cuh"

using namespace nibble;
using fixture::captured;
using tiled = layout::scale_tile_128x4;

namespace {

constexpr matrix_index rows = 144, columns = 192;
using in_memory = rounding::stochastic<8, random::philox_in_memory<>>;
using from_memory = quantizer<nvfp4_block, scaling::amax<>, in_memory>;
using by_value = quantizer<nvfp4_block, scaling::amax<>, rounding::stochastic<8>>;

}  // namespace

// bugs: F11
TEST_CASE(
    "a replayed graph draws the numbers that memory names, and quantizes, groups and reports "
    "anew") {
  if (!fixture::has_device()) return;
  constexpr auto ok = device::status::success;
  fixture::device_vector<random::philox_state> state(1);
  from_memory const q{{}, in_memory{{state.data()}}};
  std::vector<int> const offsets{0, 30, 30, static_cast<int>(rows)};
  fixture::device_vector<int> const offsets_there(offsets.begin(), offsets.end());
  cuda::std::span<int const> const parts(offsets_there.data(), offsets.size());

  fixture::on_device<float> in(fixture::filled(rows, columns, 1));
  fixture::guarded_matrix<nvfp4_block> made(shape_for<from_memory>(rows, columns));
  fixture::guarded_matrix<nvfp4_block, tiled> grouped(
      grouped_shape(shape_for<from_memory, tiled>(rows, columns), 3));
  auto const groups = *make_grouped_view<nvfp4_block, tiled>(
      grouped.codes.as<std::uint8_t>(), grouped.scales.as<fp8_e4m3>(), grouped.amax.as<float>(),
      grouped.shape);
  fixture::guarded_bytes tiles(
      static_cast<std::size_t>(shape_for<from_memory, tiled>(rows, columns).scale_count()));
  tiled_scales<fp8_e4m3> const swizzled(tiles.as<fp8_e4m3>().data(), made.view().scales.extents());
  fixture::guarded_bytes back(static_cast<std::size_t>(rows * columns) * sizeof(float));
  auto const back_view = *make_matrix_view(back.as<float>(), rows, columns);
  fixture::guarded_matrix<nvfp4_block> turned(shape_for<quantizer<>>(columns, rows));
  fixture::device_vector<error_report> reports(device::compare_pieces + 1);
  auto* const report = reports.data();

  captured const graph([&](cuda::stream_ref stream) {
    auto const out = made.view();
    CHECK(device::quantize(stream, in.view, out, q) == ok);
    CHECK(device::dequantize(stream, out, back_view, q) == ok);
    CHECK(device::swizzle(stream, out.scales, swizzled) == ok);
    CHECK(device::unswizzle(stream, swizzled, out.scales) == ok);
    CHECK(device::requantize(stream, out, q, turned.view(), quantizer<>{},
                             orientation::transposed) == ok);
    CHECK(device::quantize_grouped(stream, in.view, parts, groups, q) == ok);
    CHECK(device::compare(stream, in.view, out, q, {report, std::size_t{device::compare_pieces}},
                          report + device::compare_pieces) == ok);
  });
  CHECK(made.is_untouched());  // capturing runs nothing

  std::vector<std::vector<std::uint8_t>> codes;
  struct step {
    std::uint64_t data, seed, stream;
  };
  for (step const s : {step{1, 5, 6}, {1, 5, 7}, {2, 9, 7}, {1, 5, 6}}) {
    auto const values = fixture::filled(rows, columns, s.data);
    fixture::transfer(values.values.begin(), values.values.begin() + in.values.size(),
                      in.values.begin());
    state[0] = random::philox_state{s.seed, s.stream};
    graph.replay();

    by_value const on_host{{}, rounding::stochastic<8>{{s.seed, s.stream}}};
    auto const expected = quantized(values.view(), on_host);
    CHECK(made.different_bytes(expected) == 0);
    codes.push_back(made.codes.inside());
    fixture::matrix<> expected_back(rows, columns);
    dequantize(expected.view(), expected_back.view(), on_host);
    CHECK(fixture::bytes_unlike(back.inside(), expected_back.elements()) +
              !back.guards_hold() ==
          0);
    CHECK(fixture::bytes_unlike(tiles.inside(),
                                quantized<tiled>(values.view(), on_host).scales()) +
              !tiles.guards_hold() ==
          0);
    quantized_matrix<nvfp4_block> expected_turned(turned.shape);
    requantize(expected.view(), on_host, expected_turned.view(), quantizer<>{},
               orientation::transposed);
    CHECK(turned.different_bytes(expected_turned) == 0);
    auto const host_report = compare(values.view(), expected.view(), on_host);
    error_report const device_report = reports[std::size_t{device::compare_pieces}];
    CHECK(device_report.count == host_report.count);
    CHECK(device_report.flushed == host_report.flushed);

    quantized_matrix<nvfp4_block, tiled> expected_groups(grouped.shape);
    auto const all = expected_groups.view();
    grouped_view<nvfp4_block, tiled> const host_groups{
        all.codes, all.scales, {all.amax.data_handle(), std::size_t{3}}};
    for (matrix_index g = 0; g < 3; ++g) {
      matrix_index const first = offsets[static_cast<std::size_t>(g)];
      matrix_index const last = offsets[static_cast<std::size_t>(g) + 1];
      auto const one = *part(values.view(), first, 0, last - first, columns);
      find_amax(one, host_groups.group(g, first, last), on_host);
      quantize_with_amax(one, host_groups.group(g, first, last), on_host, threads{},
                         shard{first, 0, columns});
    }
    CHECK(grouped.different_bytes(expected_groups) == 0);
  }
  CHECK(codes[0] != codes[1]);  // other numbers
  CHECK(codes[0] == codes[3]);  // and the same again
}

TEST_CASE("a replayed graph makes both directions and a transpose anew") {
  if (!fixture::has_device()) return;
  constexpr auto ok = device::status::success;
  using tiles = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
  fixture::device_vector<random::philox_state> state(1);
  from_memory const q{{}, in_memory{{state.data()}}};
  fixture::on_device<float> in(fixture::filled(rows, columns, 1));
  fixture::guarded_matrix<nvfp4_block> by_row(shape_for<tiles>(rows, columns));
  fixture::guarded_matrix<nvfp4_block> by_column(shape_for<from_memory>(columns, rows));
  fixture::guarded_matrix<nvfp4_block> turned(shape_for<tiles>(columns, rows));

  captured const graph([&](cuda::stream_ref stream) {
    CHECK(device::quantize_both(stream, in.view, by_row.view(), by_column.view(), tiles{}, q) ==
          ok);
    CHECK(device::transpose_tiles<tiles>(stream, by_row.view(), turned.view()) == ok);
  });
  for (std::uint64_t const data : {1, 2}) {
    auto const values = fixture::filled(rows, columns, data);
    fixture::transfer(values.values.begin(), values.values.begin() + in.values.size(),
                      in.values.begin());
    state[0] = random::philox_state{3, data};
    graph.replay();
    by_value const on_host{{}, rounding::stochastic<8>{{3, data}}};
    quantized_matrix<nvfp4_block> expected_rows(by_row.shape), expected_columns(by_column.shape);
    quantize_both(values.view(), expected_rows.view(), expected_columns.view(), tiles{}, on_host);
    CHECK(by_row.different_bytes(expected_rows) == 0);
    CHECK(by_column.different_bytes(expected_columns) == 0);
    CHECK(turned.different_bytes(transpose_tiles<tiles>(expected_rows.view())) == 0);
  }
}

TEST_CASE("a replayed graph makes long rows and their scales in tiles anew, padding too") {
  if (!fixture::has_device()) return;
  constexpr matrix_index long_row = 1040;
  auto const q = quantizer{scaling::amax<>{}, rounding::nearest_even{},
                           transform::random_hadamard<16, bf16>{}};
  auto const shape = shape_for<std::remove_const_t<decltype(q)>, tiled>(rows, long_row);
  fixture::on_device<bf16> in(fixture::filled<bf16>(rows, long_row, 1));
  fixture::guarded_matrix<nvfp4_block, tiled> made(shape);
  captured const graph([&](cuda::stream_ref stream) {
    CHECK(device::quantize(stream, in.view, made.view(), q) == device::status::success);
  });
  CHECK(made.is_untouched());
  for (std::uint64_t const data : {1, 2}) {
    auto const values = fixture::filled<bf16>(rows, long_row, data);
    fixture::transfer(values.values.begin(), values.values.begin() + in.values.size(),
                      in.values.begin());
    made.overwrite(cudaStream_t{});
    graph.replay();
    CHECK(made.different_bytes(quantized<tiled>(values.view(), q)) == 0);
  }
}
