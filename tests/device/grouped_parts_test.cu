// SPDX-License-Identifier: Apache-2.0
// Tiles of products of groups: together they are every result of every group, once.
#include <doctest/doctest.h>

#include <nibble/device/grouped_parts.cuh>

#include "support/has_device.cuh"
#include "support/managed.cuh"

using namespace nibble;
using fixture::managed;
using tiled = layout::scale_tile_128x4;

namespace {

constexpr matrix_index tall = 8, wide = 16;

/// Adds 1 to each result of the tiles, a warp a tile.
template <class Groups>
__global__ void visit(Groups groups) {
  auto const p = groups.tile(blockIdx.x, tall, wide);
  if (!p.is_used) return;
  for (matrix_index i = threadIdx.x; i < tall * wide; i += 32) {
    matrix_index const r = p.row + i / wide, c = p.column + i % wide;
    if (r < p.out.extent(0) && c < p.out.extent(1)) atomicAdd(&p.out(r, c), 1.0f);
  }
}

}  // namespace

TEST_CASE("tiles of rows in groups are every result of a group once, and none of no group") {
  if (!fixture::has_device()) return;
  managed<int> offsets(std::vector<int>{2, 2, 7, 7, 30, 31});
  managed<float> amaxes(std::size_t{5}), out(std::vector<float>(33 * 40));
  using view = grouped_view<nvfp4_block>;
  auto const shape_of = [](matrix_index rows) {
    return view::one::codes_view(
        layout::packed_pointer<fp4_e2m1>(nullptr),
        {matrix_extents(rows, 64), cuda::std::array<matrix_index, 2>{64, 1}});
  };
  device::detail::groups_of_rows<view, view, int, matrix_view<float>> const groups{
      {shape_of(33), {}, amaxes.span()},
      offsets.span().data(),
      {shape_of(5 * 40), {}, amaxes.span()},
      out.view(33, 40)};
  visit<<<static_cast<unsigned>(groups.tiles(tall, wide)), 32>>>(groups);
  auto const got = out.values();
  for (std::size_t i = 0; i < got.size(); ++i) {
    std::size_t const row = i / 40;
    CHECK(got[i] == (row >= 2 && row < 31 ? 1.0f : 0.0f));
  }
}

TEST_CASE(
    "tiles of columns in groups are every result of every group once, empty groups included") {
  if (!fixture::has_device()) return;
  managed<int> offsets(std::vector<int>{0, 0, 7, 7});
  managed<float> amaxes(std::size_t{3}), out(std::vector<float>(3 * 20 * 40));
  using view = grouped_columns_view<nvfp4_block>;
  device::detail::groups_of_columns<view, view, int, matrix_view<float>, 1> const groups{
      {{}, nullptr, amaxes.span(), 20, 7},
      offsets.span().data(),
      {{}, nullptr, amaxes.span(), 40, 7},
      out.view(60, 40)};
  visit<<<static_cast<unsigned>(groups.tiles(tall, wide)), 32>>>(groups);
  for (float const count : out.values()) CHECK(count == 1.0f);
}
