// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <nibble/dequantize.hpp>
#include <nibble/layout/padded_right.hpp>
#include <nibble/part.hpp>
#include <nibble/rounding/stochastic.hpp>
#include <nibble/scaling/amax.hpp>
#include <nibble/tensor_scale/per_block_128.hpp>
#include <nibble/tensor_scale/per_row.hpp>

#include "support/matrices.hpp"

namespace {

using nibble::view_error;
using square = nibble::quantizer<nibble::nvfp4_block,
                                 nibble::scaling::amax<nibble::scaling::tile::square>>;

template <class ScaleLayout>
void part_of_codes_and_scales_is_the_whole_shifted() {
  auto const values = fixture::filled(150, 200, 7);
  auto const whole = nibble::quantized<ScaleLayout>(values.view(), nibble::quantizer<>{});
  auto const part = nibble::part(whole.view(), 3, 32, 140, 168);
  REQUIRE(part.has_value());
  int differences = 0;
  for (int i = 0; i < 140; ++i) {
    for (int j = 0; j < 168; ++j) {
      nibble::fp4_e2m1 const a = part->codes(i, j), b = whole.view().codes(i + 3, j + 32);
      differences += a.bits() != b.bits();
      differences += part->scale(i, j / 16).bits() != whole.view().scale(i + 3, j / 16 + 2).bits();
    }
  }
  CHECK(differences == 0);
}

}  // namespace

TEST_CASE("a part of a matrix is the matrix shifted, and may be transposed") {
  auto values = fixture::filled(5, 7);
  auto const part = nibble::part(values.view(), 1, 2, 3, 4);
  REQUIRE(part.has_value());
  CHECK((*part)(2, 3) == values(3, 5));
  CHECK(nibble::transposed(*part)(3, 2) == values(3, 5));
  auto const turned = nibble::part(nibble::transposed(values.view()), 2, 1, 4, 3);
  REQUIRE(turned.has_value());
  CHECK((*turned)(3, 2) == values(3, 5));
}

TEST_CASE("a part without elements points nowhere past its matrix, which may be nowhere itself") {
  auto values = fixture::filled(5, 7);
  auto const corner = nibble::part(values.view(), 5, 7, 0, 0);
  REQUIRE(corner.has_value());
  CHECK(corner->data_handle() == values.view().data_handle());
  auto const nothing = *nibble::make_matrix_view(cuda::std::span<float>(), 4, 0);
  auto const part_of_nothing = nibble::part(nothing, 3, 0, 1, 0);
  REQUIRE(part_of_nothing.has_value());
  CHECK(part_of_nothing->data_handle() == nullptr);
  auto const whole = nibble::quantized(values.view(), nibble::quantizer<>{});
  auto const no_rows = nibble::part(whole.view(), 5, 0, 0, 7);
  REQUIRE(no_rows.has_value());
  CHECK(no_rows->scales.data_handle() == whole.view().scales.data_handle());
  auto const no_columns = nibble::part(whole.view(), 2, 0, 3, 0);
  REQUIRE(no_columns.has_value());
  CHECK(no_columns->scales.data_handle() == whole.view().scales.data_handle());
}

TEST_CASE("a part that reaches outside is refused, however large the numbers") {
  auto const values = fixture::filled(5, 7);
  CHECK(nibble::part(values.view(), 3, 0, 3, 1).error() == view_error::part_out_of_range);
  CHECK(nibble::part(values.view(), 0, 7, 1, 1).error() == view_error::part_out_of_range);
  CHECK(nibble::part(values.view(), INT64_MAX, 0, 1, 1).error() == view_error::part_out_of_range);
  CHECK(nibble::part(values.view(), 0, 0, INT64_MAX, 1).error() == view_error::part_out_of_range);
  CHECK(nibble::part(values.view(), -1, 0, 1, 1).error() == view_error::negative_extent);
  CHECK(nibble::part(values.view(), 0, -1, 1, 1).error() == view_error::negative_extent);
  CHECK(nibble::part(values.view(), 0, 0, -1, 1).error() == view_error::negative_extent);
  CHECK(nibble::part(values.view(), 0, 0, 1, -1).error() == view_error::negative_extent);
  auto const whole = nibble::quantized(values.view(), nibble::quantizer<>{});
  auto const below = nibble::part(whole.view(), 5, 0, 1, 7);
  REQUIRE(!below.has_value());
  CHECK(below.error() == view_error::part_out_of_range);
}

TEST_CASE("a part of a quantized matrix has its codes and scales in every layout") {
  part_of_codes_and_scales_is_the_whole_shifted<cuda::std::layout_right>();
  part_of_codes_and_scales_is_the_whole_shifted<nibble::layout::scale_tile_128x4>();
  part_of_codes_and_scales_is_the_whole_shifted<nibble::layout::padded_right<128, 4>>();
  part_of_codes_and_scales_is_the_whole_shifted<cuda::std::layout_left>();
}

TEST_CASE("a part may not split a block, a tile kept once or a 1x128 amax") {
  auto const values = fixture::filled(40, 300);
  auto const rows = nibble::quantized(values.view(), nibble::quantizer<>{});
  CHECK(nibble::part(rows.view(), 0, 8, 1, 16).error() == view_error::part_splits_a_block);
  CHECK(nibble::part(rows.view(), 0, 16, 1, 8).error() == view_error::part_splits_a_block);
  CHECK(nibble::part(rows.view(), 0, 288, 1, 12).has_value());  // up to the ragged end

  nibble::quantized_by<square> tiles(nibble::shape_for<square>(40, 300, true));
  nibble::quantize(values.view(), tiles.view(), square{});
  CHECK(nibble::part(tiles.view(), 8, 0, 16, 16).error() == view_error::part_splits_a_block);
  CHECK(nibble::part(tiles.view(), 16, 0, 8, 16).error() == view_error::part_splits_a_block);
  CHECK(nibble::part(tiles.view(), 32, 0, 8, 16).has_value());

  using blocks = nibble::quantizer<
      nibble::nvfp4_block,
      nibble::scaling::amax<nibble::scaling::tile::row, nibble::tensor_scale::per_block_128<>>>;
  auto const outer = nibble::quantized(values.view(), blocks{});
  CHECK(nibble::part(outer.view(), 0, 16, 1, 128).error() == view_error::part_splits_a_block);
  auto const second = nibble::part(outer.view(), 4, 128, 2, 128);
  REQUIRE(second.has_value());
  CHECK(second->amax_of(1, 0) == outer.view().amax_of(5, 128));
  CHECK(second->amax.extent(1) == 1);
}

TEST_CASE("a part of tiles kept once has their scales, in rows and in tiles of 128x4") {
  auto const check = []<class ScaleLayout>(ScaleLayout) {
    auto const values = fixture::filled(60, 96, 8);
    nibble::quantized_by<square, ScaleLayout> whole(nibble::shape_for<square, ScaleLayout>(60, 96, true));
    nibble::quantize(values.view(), whole.view(), square{});
    auto const part = nibble::part(whole.view(), 16, 32, 32, 64);
    REQUIRE(part.has_value());
    CHECK(part->scales.extent(0) == 2);
    CHECK(part->scales.extent(1) == 4);
    int differences = 0;
    for (int i = 0; i < 32; ++i) {
      for (int b = 0; b < 4; ++b) {
        differences += part->scale(i, b).bits() != whole.view().scale(i + 16, b + 2).bits();
      }
    }
    CHECK(differences == 0);
  };
  check(cuda::std::layout_right{});
  check(nibble::layout::scale_tile_128x4{});
}

TEST_CASE("a part has the amaxes of its rows and of its own 128 columns, and no others") {
  using scaling = nibble::scaling::amax<nibble::scaling::tile::row, nibble::tensor_scale::per_block_128<>>;
  using by_block = nibble::quantizer<nibble::nvfp4_block, scaling>;
  using by_row = nibble::quantizer<
      nibble::nvfp4_block,
      nibble::scaling::amax<nibble::scaling::tile::row, nibble::tensor_scale::per_row<>>>;
  // Two amaxes a row: the fewest that are not one, and a block that may not be split.
  auto const two = nibble::quantized(fixture::filled(2, 200, 1).view(), by_block{});
  CHECK(nibble::part(two.view(), 0, 16, 1, 128).error() == view_error::part_splits_a_block);
  auto const last = nibble::part(two.view(), 1, 128, 1, 72);
  REQUIRE(last.has_value());
  CHECK(last->amax.extent(0) == 1);
  CHECK(last->amax.extent(1) == 1);
  CHECK(last->amax_of(0, 0) == two.view().amax_of(1, 128));
  auto const rows = nibble::quantized(fixture::filled(2, 32, 2).view(), by_row{});
  CHECK(nibble::part(rows.view(), 1, 0, 1, 32)->amax_of(0, 0) == rows.view().amax_of(1, 0));
  // One row of many, to its ragged end: 129 columns are two amaxes.
  auto const wide = nibble::quantized(fixture::filled(1, 128 * 127 + 129, 3).view(), by_block{});
  auto const end = nibble::part(wide.view(), 0, 128 * 127, 1, 129);
  REQUIRE(end.has_value());
  CHECK(end->amax.extent(1) == 2);
  CHECK(end->amax_of(0, 0) == wide.view().amax_of(0, 128 * 127));
  CHECK(end->amax_of(0, 128) == wide.view().amax_of(0, 128 * 128));
}

TEST_CASE("a part from any column on has the amax of the whole tensor, which may lie in a wider row") {
  auto const values = fixture::filled(3, 273, 4);
  auto const whole = nibble::quantized(values.view(), nibble::quantizer<>{});
  auto view = whole.view();
  cuda::std::array<nibble::matrix_index, 2> const strides{5, 1};
  view.amax = {view.amax.data_handle(), {nibble::matrix_extents(1, 1), strides}};
  auto const column = nibble::part(view, 1, 272, 2, 1);
  REQUIRE(column.has_value());
  CHECK(column->amax.data_handle() == view.amax.data_handle());
  CHECK(column->amax.extent(1) == 1);
  CHECK(column->scale(1, 0).bits() == view.scale(2, 17).bits());
}

TEST_CASE("dequantizing a part gives the part of the whole, amax per row included") {
  using per_row = nibble::quantizer<
      nibble::nvfp4_block,
      nibble::scaling::amax<nibble::scaling::tile::row, nibble::tensor_scale::per_row<>>>;
  auto const values = fixture::filled(20, 64, 3);
  auto const whole = nibble::quantized(values.view(), per_row{});
  fixture::matrix<> all(20, 64), some(6, 32);
  nibble::dequantize(whole.view(), all.view(), per_row{});
  nibble::dequantize(*nibble::part(whole.view(), 9, 16, 6, 32), some.view(), per_row{});
  for (int i = 0; i < 6; ++i) {
    for (int j = 0; j < 32; ++j) CHECK(some(i, j) == all(i + 9, j + 16));
  }
}

TEST_CASE("quantizing into a part leaves the scales around it alone") {
  using q = nibble::quantizer<>;
  using tiled = nibble::layout::scale_tile_128x4;
  nibble::quantized_by<q, tiled> whole(nibble::shape_for<q, tiled>(130, 96));
  nibble::quantize(fixture::filled(130, 96, 5).view(), whole.view(), q{});
  auto const before = whole;
  auto const part = *nibble::part(whole.view(), 2, 32, 3, 32);
  nibble::quantize(fixture::filled(3, 32, 6).view(), part, q{});
  int changed_outside = 0, changed_inside = 0;
  for (int i = 0; i < 130; ++i) {
    for (int b = 0; b < 6; ++b) {
      bool const inside = i >= 2 && i < 5 && (b == 2 || b == 3);
      bool const changed = whole.view().scale(i, b).bits() != before.view().scale(i, b).bits();
      (inside ? changed_inside : changed_outside) += changed;
    }
  }
  CHECK(changed_outside == 0);
  CHECK(changed_inside > 0);
}

// bugs: F11
TEST_CASE("a shard draws the random numbers that it would draw as part of the whole") {
  using gradient = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<>,
                                     nibble::rounding::stochastic<>>;
  gradient q{};
  q.rounding.source = {11, 12};
  auto const values = fixture::filled(24, 96, 9);
  auto const whole = nibble::quantized(values.view(), q);
  nibble::quantized_by<gradient> shard(nibble::shape_for<gradient>(10, 48));
  shard.view().amax(0, 0) = whole.view().amax(0, 0);
  auto const source = *nibble::part(values.view(), 7, 48, 10, 48);
  nibble::quantize_with_amax(source, shard.view(), q, nibble::threads{1}, {7, 48, 96});
  int differences = 0;
  for (int i = 0; i < 10; ++i) {
    for (int j = 0; j < 48; ++j) {
      nibble::fp4_e2m1 const a = shard.view().codes(i, j), b = whole.view().codes(i + 7, j + 48);
      differences += a.bits() != b.bits();
    }
  }
  CHECK(differences == 0);
  nibble::quantize_with_amax(source, shard.view(), q, nibble::threads{1});
  for (int i = 0; i < 10; ++i) {
    for (int j = 0; j < 48; ++j) {
      nibble::fp4_e2m1 const a = shard.view().codes(i, j), b = whole.view().codes(i + 7, j + 48);
      differences += a.bits() != b.bits();
    }
  }
  CHECK(differences > 0);  // without its place it draws others
}
