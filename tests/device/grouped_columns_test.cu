// SPDX-License-Identifier: Apache-2.0
// One launch over groups of columns writes what quantizing each alone on the host does.
#include <doctest/doctest.h>

#include <nibble/device/grouped_columns.cuh>
#include <nibble/nibble.hpp>
#include <nibble/part.hpp>
#include <nibble/quantize.hpp>

#include "support/device_bytes.cuh"

using namespace nibble;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;

namespace {

/// Empty groups first, in the middle and last; one column; sizes that are no multiple of 16.
std::vector<int> const uneven{0, 0, 5, 5, 150, 182, 183, 200, 200};

/// Groups of columns on the device, between guards.
template <class Block, class ScaleLayout>
struct guarded_columns {
  grouped_columns_shape<Block, ScaleLayout> shape;
  fixture::guarded_bytes codes, scales, amax;

  explicit guarded_columns(grouped_columns_shape<Block, ScaleLayout> const& s)
      : shape(s),
        codes(static_cast<std::size_t>(s.code_bytes())),
        scales(static_cast<std::size_t>(s.scale_count())),
        amax(static_cast<std::size_t>(s.groups) * sizeof(float)) {}
  grouped_columns_view<Block, ScaleLayout> view() {
    return *make_grouped_columns_view<Block, ScaleLayout>(
        codes.as<std::uint8_t>(), scales.as<typename Block::scale_type>(), amax.as<float>(), shape);
  }
  bool guards_hold() const {
    return codes.guards_hold() && scales.guards_hold() && amax.guards_hold();
  }
};

template <class ScaleLayout, class T, class Quantizer>
int different_bytes(fixture::matrix<T> const& values, std::vector<int> const& offsets,
                    Quantizer const& q) {
  auto const groups = static_cast<matrix_index>(offsets.size()) - 1;
  grouped_columns_shape<nvfp4_block, ScaleLayout> const shape{values.rows, values.columns, groups};
  guarded_columns<nvfp4_block, ScaleLayout> out(shape);
  // The host, group by group, over what the device finds: what no group owns stays so, but for scales
  // in tiles, which are padded with zeros.
  std::vector<std::uint8_t> codes = out.codes.inside(), scales = out.scales.inside();
  if (std::is_same_v<ScaleLayout, tiled>) scales.assign(scales.size(), 0);
  std::vector<float> amaxes(static_cast<std::size_t>(groups));
  auto const host = *make_grouped_columns_view<nvfp4_block, ScaleLayout>(
      cuda::std::span<std::uint8_t>(codes.data(), codes.size()),
      cuda::std::span<fp8_e4m3>(reinterpret_cast<fp8_e4m3*>(scales.data()), scales.size()),
      cuda::std::span<float>(amaxes.data(), amaxes.size()), shape);
  for (matrix_index g = 0; g < groups; ++g) {
    matrix_index const first = offsets[static_cast<std::size_t>(g)];
    matrix_index const last = offsets[static_cast<std::size_t>(g) + 1];
    auto const in = *part(values.view(), 0, first, values.rows, last - first);
    auto const group = host.group(g, first, last, Quantizer::transform_type::size);
    find_amax(in, group, q);
    quantize_with_amax(in, group, q, threads{},
                       shard{0, padded_start(first, g, 128), shape.padded_columns()});
  }

  fixture::on_device<T> const in(values);
  fixture::device_vector<int> const on_device(offsets.begin(), offsets.end());
  cuda::std::span<int const> const columns(on_device.data(), on_device.size());
  CHECK(device::quantize_grouped_columns(fixture::default_stream, in.view, columns, out.view(),
                                         q) == device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return fixture::bytes_unlike(out.codes.inside(), codes) +
         fixture::bytes_unlike(out.scales.inside(), scales) +
         fixture::bytes_unlike(out.amax.inside(), amaxes) + !out.guards_hold();
}

template <class ScaleLayout, class Quantizer>
int over_groups(Quantizer const& q) {
  auto const wide = fixture::filled<bf16>(70, 200, 3);
  std::vector<int> many(101);  // more groups than a warp has lanes
  for (int g = 1; g <= 100; ++g) many[static_cast<std::size_t>(g)] = 2 * g;
  return different_bytes<ScaleLayout>(wide, uneven, q) +
         different_bytes<ScaleLayout>(fixture::restrided(wide, 1, 71), uneven, q) +
         different_bytes<ScaleLayout>(fixture::filled<bf16>(600, 200, 4), many, q) +
         different_bytes<ScaleLayout>(wide, {0, 200}, q);
}

}  // namespace

TEST_CASE("groups of columns, plain scales and tiles: device bytes are those of each group alone") {
  if (!fixture::has_device()) return;
  CHECK(over_groups<plain>(quantizer<>{}) == 0);
  CHECK(over_groups<tiled>(quantizer{scaling::amax<>{}, rounding::stochastic<>{{3, 4}},
                                     transform::random_hadamard<16>{}}) == 0);
  CHECK(over_groups<plain>(quantizer{scaling::amax<>{}, rounding::nearest_even{},
                                     transform::random_hadamard<128>{}}) == 0);
}

TEST_CASE("square tiles start anew with each group of columns") {
  if (!fixture::has_device()) return;
  CHECK(over_groups<tiled>(quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{}) == 0);
}

TEST_CASE("offsets that fall or lie outside leave everything beside the groups' storage alone") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  fixture::on_device<bf16> const in(fixture::filled<bf16>(40, 200));
  for (std::vector<int> const& wild :
       {std::vector<int>{0, 150, 20, 200}, {-7, 30, 900, 100}, {300, -1, -2, 2'000'000'000}}) {
    fixture::device_vector<int> const offsets(wild.begin(), wild.end());
    cuda::std::span<int const> const columns(offsets.data(), offsets.size());
    guarded_columns<nvfp4_block, tiled> out({40, 200, 3});
    CHECK(device::quantize_grouped_columns(fixture::default_stream, in.view, columns, out.view(),
                                           q{}) == device::status::success);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    CHECK(out.guards_hold());
  }
}

TEST_CASE("no groups and no columns are nothing to do, and other shapes are refused") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  fixture::on_device<bf16> const in(fixture::filled<bf16>(32, 64)),
      none(fixture::matrix<bf16>(32, 0));
  fixture::device_vector<int> const offsets(3);
  cuda::std::span<int const> const columns(offsets.data(), offsets.size());
  guarded_columns<nvfp4_block, plain> one({32, 64, 1}), narrow({32, 48, 2}), two({32, 0, 2});
  for (auto* const wrong : {&one, &narrow}) {
    CHECK(device::quantize_grouped_columns(fixture::default_stream, in.view, columns, wrong->view(),
                                           q{}) == device::status::shape_mismatch);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    CHECK((wrong->codes.is_untouched() && wrong->scales.is_untouched() &&
           wrong->amax.is_untouched()));
  }
  CHECK(device::quantize_grouped_columns(fixture::default_stream, none.view, columns, two.view(),
                                         q{}) == device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(two.amax.inside() == std::vector<std::uint8_t>(8, 0));
  CHECK(two.guards_hold());
}
