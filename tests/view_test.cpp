// SPDX-License-Identifier: Apache-2.0
// Views: every error of construction, huge shapes without memory, transposes, read-only forms.
#include <nibble/view.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace nibble;

namespace {

using cuda::std::span;
using shape = quantized_shape<nvfp4_block>;
using tiled_shape = quantized_shape<nvfp4_block, layout::scale_tile_128x4>;
constexpr matrix_index largest = INT64_MAX;

// --- make_matrix_view: errors and what it makes, as constant expressions.
constexpr float twelve[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
constexpr auto made = make_matrix_view(span<float const>(twelve), 3, 4);
static_assert(made.has_value() && (*made)(2, 1) == 9 && made->stride(0) == 4);
static_assert(make_matrix_view(span<float const>(twelve), -1, 4).error() == view_error::negative_extent);
static_assert(make_matrix_view(span<float const>(twelve), 1, -4).error() == view_error::negative_extent);
static_assert(make_matrix_view(span<float const>(twelve), 3, 5).error() == view_error::buffer_too_small);
static_assert(make_matrix_view(span<float const>(twelve), largest, 2).error() == view_error::too_large);
static_assert(make_matrix_view(span<float const>(twelve), largest, largest).error() ==
              view_error::too_large);
static_assert(make_matrix_view(span<float const>(twelve), largest, 1).error() ==
              view_error::buffer_too_small);
static_assert(make_matrix_view(span<float const>(), 0, 7).has_value());
static_assert(make_matrix_view(span<float const>(), 7, 0).has_value());
static_assert(transposed(*made)(1, 2) == 9 && transposed(*made).extent(0) == 4);
static_assert(transposed(transposed(*made))(2, 1) == 9);

// --- shapes: 2^40 elements and more, without memory.
constexpr matrix_index million = 1 << 20;
constexpr shape huge{million, million, million, 1, 1};
static_assert(huge.code_bytes() == matrix_index{1} << 39 && huge.scale_count() == matrix_index{1} << 36);
constexpr tiled_shape huge_tiled{million, million + 1, million, million, 2};
static_assert(huge_tiled.pitch() == million + 16 && huge_tiled.blocks_per_row() == million / 16 + 1);
static_assert(huge_tiled.scale_count() == million * (million / 16 + 4));
static_assert(huge_tiled.amax_count() == 2 * million);
static_assert(quantized_shape<mxfp6_e2m3_block>{2, 33, 2, 1, 1}.code_bytes() == 2 * 2 * 24);
static_assert(shape{5, 0, 5, 1, 1}.code_bytes() == 0 && shape{0, 5, 0, 1, 1}.code_bytes() == 0);

template <class Shape>
constexpr view_error error_of(Shape s, std::size_t codes = 0, std::size_t scales = 0,
                              std::size_t amaxes = 0) {
  std::uint8_t code_buffer[64]{};
  fp8_e4m3 scale_buffer[8]{};
  float amax_buffer[8]{};
  auto const result = make_quantized_view<nvfp4_block, std::conditional_t<std::is_same_v<Shape, shape>,
      cuda::std::layout_right, layout::scale_tile_128x4>>(
      span<std::uint8_t>(code_buffer, codes), span<fp8_e4m3>(scale_buffer, scales),
      span<float>(amax_buffer, amaxes), s);
  return result.has_value() ? view_error{-1} : result.error();
}
constexpr view_error none{-1};

static_assert(error_of(shape{2, 17, 2, 1, 1}, 32, 4, 1) == none);
static_assert(error_of(shape{2, 17, 2, 1, 1}, 31, 4, 1) == view_error::buffer_too_small);
static_assert(error_of(shape{2, 17, 2, 1, 1}, 32, 3, 1) == view_error::buffer_too_small);
static_assert(error_of(shape{2, 17, 2, 1, 1}, 32, 4, 0) == view_error::buffer_too_small);
static_assert(error_of(tiled_shape{2, 17, 2, 1, 1}, 32, 8, 1) == view_error::buffer_too_small);
static_assert(error_of(shape{0, 0, 0, 1, 1}, 0, 0, 1) == none);
static_assert(error_of(shape{-1, 16, 1, 1, 1}) == view_error::negative_extent);
static_assert(error_of(shape{1, -16, 1, 1, 1}) == view_error::negative_extent);
static_assert(error_of(shape{1, 16, -1, 1, 1}) == view_error::negative_extent);
static_assert(error_of(shape{1, 16, 1, -1, 1}) == view_error::negative_extent);
static_assert(error_of(shape{1, 16, 1, 1, -1}) == view_error::negative_extent);
// Past 2^60 no step of the check itself may overflow: in a constant expression that would show.
static_assert(error_of(shape{1, largest, 1, 1, 1}) == view_error::too_large);
static_assert(error_of(shape{largest, 1, 1, 1, 1}) == view_error::too_large);
static_assert(error_of(shape{1, 1, largest, 1, 1}) == view_error::too_large);
static_assert(error_of(shape{1, 1, 1, largest, largest}) == view_error::too_large);
static_assert(error_of(shape{1, matrix_index{1} << 60, 1, 1, 1}) == view_error::too_large);
static_assert(error_of(shape{1, (matrix_index{1} << 60) - 7, 1, 1, 1}) == view_error::too_large);
static_assert(error_of(tiled_shape{matrix_index{1} << 30, matrix_index{1} << 31, 1, 1, 1}) ==
              view_error::too_large);
static_assert(error_of(shape{matrix_index{1} << 20, matrix_index{1} << 30, 1 << 20, 1, 1}) ==
              view_error::buffer_too_small);
// What is just not too large: 2^60 elements or amaxes, and 2^60 scales in tiles of 128 rows.
static_assert(error_of(shape{1, ((matrix_index{1} << 53) - 4) * 16, 1, 1, 1}) ==
              view_error::buffer_too_small);
static_assert(error_of(shape{1, ((matrix_index{1} << 53) - 3) * 16, 1, 1, 1}) ==
              view_error::too_large);
static_assert(error_of(shape{matrix_index{1} << 56, 16, 1, 1, 1}) == view_error::buffer_too_small);
static_assert(error_of(shape{(matrix_index{1} << 56) + 1, 16, 1, 1, 1}) == view_error::too_large);
static_assert(error_of(shape{1, 16, 1, matrix_index{1} << 30, matrix_index{1} << 30}) ==
              view_error::buffer_too_small);
static_assert(error_of(shape{1, 16, 1, (matrix_index{1} << 30) + 1, matrix_index{1} << 30}) ==
              view_error::too_large);
// Nothing is too large for a matrix without elements up to 2^60, and no extent need be 1.
constexpr matrix_index top = matrix_index{1} << 60;
static_assert(error_of(shape{0, top, 0, 1, 1}, 0, 0, 1) == none);
static_assert(error_of(shape{0, top + 1, 0, 1, 1}, 0, 0, 1) == view_error::too_large);
static_assert(error_of(shape{top, 0, 0, 1, 1}, 0, 0, 1) == none);
static_assert(error_of(shape{top + 1, 0, 0, 1, 1}, 0, 0, 1) == view_error::too_large);
static_assert(error_of(shape{0, 16, 0, top, 0}) == none && error_of(shape{0, 16, 0, 0, 1}) == none);
static_assert(error_of(shape{0, 16, 0, top + 1, 0}) == view_error::too_large);

}  // namespace

TEST_CASE("a matrix that cannot be viewed is refused at run time too") {
  struct refused {
    matrix_index rows, columns;
    view_error why;
  };
  for (auto const& each : {refused{-1, 4, view_error::negative_extent},
                           {1, -4, view_error::negative_extent},
                           {largest, 2, view_error::too_large},
                           {3, 5, view_error::buffer_too_small}}) {
    CHECK(make_matrix_view(span<float const>(twelve), each.rows, each.columns).error() == each.why);
  }
  for (auto const& each : {shape{-1, 16, 1, 1, 1}, shape{1, -16, 1, 1, 1}, shape{1, 16, -1, 1, 1},
                           shape{1, 16, 1, -1, 1}, shape{1, 16, 1, 1, -1}}) {
    CHECK(error_of(each) == view_error::negative_extent);
  }
  for (auto const& each : {shape{1, largest, 1, 1, 1}, shape{largest, 16, 1, 1, 1},
                           shape{1, 1, largest, 1, 1}, shape{1, 1, 1, largest, largest}}) {
    CHECK(error_of(each) == view_error::too_large);
  }
  shape const small{2, 17, 2, 1, 1};
  CHECK(error_of(small, 32, 4, 1) == none);
  CHECK(error_of(small, 31, 4, 1) == view_error::buffer_too_small);
  CHECK(error_of(small, 32, 3, 1) == view_error::buffer_too_small);
  CHECK(error_of(small, 32, 4, 0) == view_error::buffer_too_small);
}

TEST_CASE("views compile to indices: the strides of a transposed view are exchanged") {
  std::vector<float> values(6);
  auto const a = make_matrix_view(span<float>(values.data(), 6), 2, 3);
  REQUIRE(a.has_value());
  auto const t = transposed(*a);
  t(2, 1) = 5;
  CHECK((*a)(1, 2) == 5);
  CHECK(values[5] == 5);
}

TEST_CASE("a transposed view of packed codes reads and writes the same nibbles") {
  std::uint8_t codes[16]{};
  fp8_e4m3 scales[2]{};
  float amax[1] = {1};
  auto const q = *make_quantized_view<nvfp4_block>(span<std::uint8_t>(codes), span<fp8_e4m3>(scales),
                                                   span<float>(amax), shape{2, 3, 2, 1, 1});
  CHECK(q.rows() == 2);
  CHECK(q.columns() == 3);
  auto const t = transposed(q.codes);
  t(2, 1) = fp4_e2m1(6.0f);
  t(0, 0) = t(2, 1);
  CHECK(codes[0] == 0x07);
  CHECK(codes[8 + 1] == 0x07);
  fp4_e2m1 const read = q.codes(1, 2);
  CHECK(static_cast<float>(read) == 6.0f);
}

TEST_CASE("scales kept once a tile serve every row of it, scales kept by row each their own") {
  std::vector<std::uint8_t> codes(40 * 16);
  std::vector<fp8_e4m3> scales(80);
  for (int i = 0; i < 80; ++i) {
    scales[static_cast<std::size_t>(i)] = fp8_e4m3::from_bits(i);
  }
  float amax[1] = {1};
  auto const make = [&](matrix_index scale_rows) {
    return *make_quantized_view<nvfp4_block>(
        span<std::uint8_t>(codes.data(), codes.size()), span<fp8_e4m3>(scales.data(), scales.size()),
        span<float>(amax), shape{40, 32, scale_rows, 1, 1});
  };
  auto const tiles = make(3), rows = make(40);
  CHECK(tiles.rows_per_scale() == 16);
  CHECK(rows.rows_per_scale() == 1);
  CHECK(tiles.scale(15, 1).bits() == 1);
  CHECK(tiles.scale(16, 1).bits() == 3);
  CHECK(tiles.scale(39, 0).bits() == 4);
  CHECK(rows.scale(39, 1).bits() == 79);
}

TEST_CASE("an amax is found for its tensor, its row or its 128 columns, read-only too") {
  std::vector<std::uint8_t> codes(3 * 128);
  std::vector<fp8_e4m3> scales(3 * 16);
  float amax[6] = {0, 1, 2, 3, 4, 5};
  auto const make = [&](matrix_index r, matrix_index c) {
    return make_quantized_view<nvfp4_block>(
        span<std::uint8_t>(codes.data(), codes.size()), span<fp8_e4m3>(scales.data(), scales.size()),
        span<float>(amax), shape{3, 256, 3, r, c})->read_only();
  };
  CHECK(make(1, 1).amax_of(2, 255) == 0);
  CHECK(make(3, 1).amax_of(2, 255) == 2);
  CHECK(make(2, 1).amax_of(1, 255) == 1);
  CHECK(make(3, 2).amax_of(2, 127) == 4);
  CHECK(make(3, 2).amax_of(2, 128) == 5);
  static_assert(decltype(make(1, 1))::is_const);
  static_assert(std::is_const_v<decltype(make(1, 1).codes)::element_type>);
}

TEST_CASE("strides do not depend on there being elements") {
  float one = 0;
  CHECK(make_matrix_view(span<float>(&one, 1), 3, 0)->stride(0) == 1);
  CHECK(make_matrix_view(span<float>(&one, 1), 1, 1)->stride(0) == 1);
  auto const empty = make_quantized_view<nvfp4_block>(span<std::uint8_t>(), span<fp8_e4m3>(),
                                                      span<float>(&one, 1), shape{3, 0, 3, 1, 1});
  REQUIRE(empty.has_value());
  CHECK(empty->codes.stride(0) == 16);
  CHECK(empty->amax.stride(0) == 1);
  auto const without = make_quantized_view<nvfp4_block>(span<std::uint8_t>(), span<fp8_e4m3>(),
                                                        span<float>(), shape{3, 0, 3, 3, 0});
  REQUIRE(without.has_value());
  CHECK(without->amax.stride(0) == 1);
}
