// SPDX-License-Identifier: Apache-2.0
// One launch over many matrices writes what quantizing each alone on the host does.
#include <doctest/doctest.h>

#include <nibble/device/grouped.cuh>
#include <nibble/nibble.hpp>
#include <nibble/part.hpp>
#include <nibble/quantize.hpp>

#include "support/device_bytes.cuh"

using namespace nibble;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;

namespace {

/// Empty groups first, in the middle and last; sizes that are no multiple of 16; a large one.
std::vector<int> const uneven{0, 0, 5, 5, 150, 182, 183, 200, 200};

template <class ScaleLayout, class T, class Quantizer>
int different_bytes(fixture::matrix<T> const& values, std::vector<int> const& offsets,
                    Quantizer const& q) {
  auto const groups = static_cast<matrix_index>(offsets.size()) - 1;
  auto const shape =
      grouped_shape(shape_for<Quantizer, ScaleLayout>(values.rows, values.columns), groups);
  // The host, group by group, over zeros: what no group owns stays zero.
  quantized_matrix<nvfp4_block, ScaleLayout> expected(shape);
  auto const all = expected.view();
  std::vector<float> amaxes(static_cast<std::size_t>(groups));
  grouped_view<nvfp4_block, ScaleLayout> const host{
      all.codes, all.scales, {amaxes.data(), amaxes.size()}};
  for (matrix_index g = 0; g < groups; ++g) {
    matrix_index const first = offsets[static_cast<std::size_t>(g)];
    matrix_index const last = offsets[static_cast<std::size_t>(g) + 1];
    auto const in = *part(values.view(), first, 0, last - first, values.columns);
    auto const out = host.group(g, first, last);
    find_amax(in, out, q);
    quantize_with_amax(in, out, q, threads{}, shard{first, 0, out.columns()});
  }

  fixture::on_device<T> const in(values);
  fixture::device_vector<int> const on_device(offsets.begin(), offsets.end());
  cuda::std::span<int const> const rows(on_device.data(), on_device.size());
  fixture::guarded_matrix<nvfp4_block, ScaleLayout> out(shape);
  auto const view = *make_grouped_view<nvfp4_block, ScaleLayout>(
      out.codes.template as<std::uint8_t>(), out.scales.template as<fp8_e4m3>(),
      out.amax.template as<float>(), shape);
  CHECK(device::quantize_grouped(fixture::default_stream, in.view, rows, view, q) ==
        device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return fixture::bytes_unlike(out.codes.inside(), expected.code_bytes()) +
         fixture::bytes_unlike(out.scales.inside(), expected.scales()) +
         fixture::bytes_unlike(out.amax.inside(), amaxes) + !out.guards_hold();
}

template <class ScaleLayout, class Quantizer>
int over_groups(Quantizer const& q) {
  auto const aligned = fixture::filled<bf16>(200, 2 * 512 + 64, 3);
  auto const ragged = fixture::filled<bf16>(200, 70, 4);
  std::vector<int> many(101);  // more groups than a warp has lanes
  for (int g = 1; g <= 100; ++g) many[static_cast<std::size_t>(g)] = 2 * g;
  return different_bytes<ScaleLayout>(aligned, uneven, q) +
         different_bytes<ScaleLayout>(ragged, uneven, q) +
         different_bytes<ScaleLayout>(fixture::restrided(ragged, 1, 203), uneven, q) +
         different_bytes<ScaleLayout>(aligned, many, q) +
         different_bytes<ScaleLayout>(aligned, {0, 200}, q);
}

}  // namespace

TEST_CASE(
    "groups of any size, plain scales and tiles: device bytes are those of each group alone") {
  if (!fixture::has_device()) return;
  CHECK(over_groups<plain>(quantizer<>{}) == 0);
  CHECK(over_groups<tiled>(quantizer{scaling::amax<>{}, rounding::stochastic<>{{3, 4}},
                                     transform::random_hadamard<16>{}}) == 0);
}

TEST_CASE("square tiles start anew with each group") {
  if (!fixture::has_device()) return;
  CHECK(over_groups<tiled>(quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{}) == 0);
}

TEST_CASE("no groups and no rows are nothing to do, and a wrong number of offsets is refused") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  fixture::on_device<bf16> const in(fixture::filled<bf16>(32, 64));
  fixture::device_vector<int> const offsets(3);
  cuda::std::span<int const> const rows(offsets.data(), offsets.size());
  auto const shape = grouped_shape(shape_for<q>(32, 64), 1);
  fixture::guarded_matrix<nvfp4_block> out(shape);
  auto const view = *make_grouped_view<nvfp4_block>(
      out.codes.as<std::uint8_t>(), out.scales.as<fp8_e4m3>(), out.amax.as<float>(), shape);
  CHECK(device::quantize_grouped(fixture::default_stream, in.view, rows, view, q{}) ==
        device::status::shape_mismatch);
  auto const empty = grouped_shape(shape_for<q>(0, 64), 2);
  fixture::guarded_matrix<nvfp4_block> none(empty);
  auto const nothing = *make_grouped_view<nvfp4_block>(
      none.codes.as<std::uint8_t>(), none.scales.as<fp8_e4m3>(), none.amax.as<float>(), empty);
  fixture::on_device<bf16> const no_rows(fixture::matrix<bf16>(0, 64));
  CHECK(device::quantize_grouped(fixture::default_stream, no_rows.view, rows, nothing, q{}) ==
        device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(cudaGetLastError() == cudaSuccess);
  CHECK(out.is_untouched());
  CHECK(none.amax.inside() == std::vector<std::uint8_t>(8, 0));
}
