// SPDX-License-Identifier: Apache-2.0
// Groups of columns lie one behind the other in storage and are matrices of their own.
#include <doctest/doctest.h>

#include <vector>

#include <nibble/grouped_columns_view.hpp>
#include <nibble/part.hpp>
#include <nibble/quantize.hpp>
#include <nibble/transform/random_hadamard.hpp>

#include "support/matrices.hpp"

using namespace nibble;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;

namespace {

/// Storage of codes, scales and amaxes on the host.
template <class ScaleLayout>
struct storage {
  grouped_columns_shape<nvfp4_block, ScaleLayout> shape;
  std::vector<std::uint8_t> codes;
  std::vector<fp8_e4m3> scales;
  std::vector<float> amaxes;

  explicit storage(grouped_columns_shape<nvfp4_block, ScaleLayout> const& s)
      : shape(s),
        codes(static_cast<std::size_t>(s.code_bytes())),
        scales(static_cast<std::size_t>(s.scale_count())),
        amaxes(static_cast<std::size_t>(s.groups)) {}
  auto view() {
    return make_grouped_columns_view<nvfp4_block, ScaleLayout>(
        cuda::std::span<std::uint8_t>(codes.data(), codes.size()),
        cuda::std::span<fp8_e4m3>(scales.data(), scales.size()),
        cuda::std::span<float>(amaxes.data(), amaxes.size()), shape);
  }
};

template <class ScaleLayout, class Quantizer>
int differences(Quantizer const& q) {
  constexpr matrix_index rows = 37, transform = Quantizer::transform_type::size;
  std::vector<matrix_index> const offsets{0, 3, 3, 131, 150};  // empty and whole tiles among them
  auto const values = fixture::filled(rows, 150, 2);
  storage<ScaleLayout> memory({rows, 150, 4});
  auto const grouped = *memory.view();
  auto const group_of = [&](std::size_t g) {
    return grouped.group(static_cast<matrix_index>(g), offsets[g], offsets[g + 1], transform);
  };
  auto const part_of = [&](std::size_t g) {
    return *part(values.view(), 0, offsets[g], rows, offsets[g + 1] - offsets[g]);
  };
  for (std::size_t g = 0; g != 4; ++g) quantize(part_of(g), group_of(g), q);
  int result = 0;
  for (std::size_t g = 0; g != 4; ++g) {  // none wrote into another
    auto const alone = quantized<ScaleLayout>(part_of(g), q);
    auto const view = group_of(g);
    CHECK(view.columns() == alone.view().columns());
    result += view.amax(0, 0) != alone.amax()[0];
    for (matrix_index i = 0; i != rows; ++i) {
      for (matrix_index j = 0; j != view.columns(); ++j) {
        result += static_cast<fp4_e2m1>(view.codes(i, j)).bits() !=
                  static_cast<fp4_e2m1>(alone.view().codes(i, j)).bits();
        result += view.scale(i, j / 16).bits() != alone.view().scale(i, j / 16).bits();
      }
    }
  }
  return result;
}

}  // namespace

TEST_CASE("a group of columns is a quantized matrix of its own, with plain scales and in tiles") {
  quantizer const rotated{scaling::amax<>{}, rounding::nearest_even{},
                          transform::random_hadamard<16>{}};
  CHECK(differences<plain>(quantizer<>{}) == 0);
  CHECK(differences<tiled>(quantizer<>{}) == 0);
  CHECK(differences<tiled>(rotated) == 0);
}

TEST_CASE(
    "what columns in groups take: each group's columns rounded up to 128, rows of scales to "
    "tiles") {
  grouped_columns_shape<nvfp4_block> const shape{10, 300, 3};
  CHECK(shape.padded_columns() == 640);  // (300 + 3 * 127) / 128 * 128
  CHECK(shape.code_bytes() == 10 * 320);
  CHECK(shape.scale_count() == 10 * 40);
  CHECK(grouped_columns_shape<nvfp4_block, tiled>{10, 300, 3}.scale_count() == 128 * 40);
  CHECK(grouped_columns_shape<mxfp8_block>{10, 300, 3}.code_bytes() == 10 * 640);
  CHECK(grouped_columns_shape<mxfp8_block>{10, 300, 3}.scale_count() == 10 * 20);
}

TEST_CASE(
    "columns in groups over buffers that are too small, or of impossible shapes, are refused") {
  storage<tiled> memory({10, 300, 3});
  CHECK(memory.view().has_value());
  auto const refused = [&](auto const& change) {
    storage<tiled> other({10, 300, 3});
    change(other);
    auto const made = other.view();
    return made.has_value() ? view_error::part_out_of_range : made.error();
  };
  CHECK(refused([](auto& m) { m.codes.pop_back(); }) == view_error::buffer_too_small);
  CHECK(refused([](auto& m) { m.scales.pop_back(); }) == view_error::buffer_too_small);
  CHECK(refused([](auto& m) { m.amaxes.pop_back(); }) == view_error::buffer_too_small);
  CHECK(refused([](auto& m) { m.shape.rows = -1; }) == view_error::negative_extent);
  CHECK(refused([](auto& m) { m.shape.columns = -1; }) == view_error::negative_extent);
  CHECK(refused([](auto& m) { m.shape.groups = -1; }) == view_error::negative_extent);
  constexpr auto huge = matrix_index{1} << 61;
  CHECK(refused([](auto& m) { m.shape.rows = huge; }) == view_error::too_large);
  CHECK(refused([](auto& m) { m.shape.columns = huge; }) == view_error::too_large);
  CHECK(refused([](auto& m) { m.shape.groups = huge; }) == view_error::too_large);
  CHECK(refused([](auto& m) { m.shape.rows = m.shape.columns = matrix_index{1} << 31; }) ==
        view_error::too_large);
}
