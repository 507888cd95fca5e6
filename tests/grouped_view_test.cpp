// SPDX-License-Identifier: Apache-2.0
// Groups of any size find room without looking at one another, and are matrices of their own.
#include <doctest/doctest.h>

#include <vector>

#include <nibble/dequantize.hpp>
#include <nibble/grouped_view.hpp>
#include <nibble/part.hpp>
#include <nibble/quantize.hpp>

#include "support/matrices.hpp"

using namespace nibble;

TEST_CASE("storage of every group lies behind the one before, on a multiple, and ends in time") {
  for (std::uint64_t seed = 1; seed != 200; ++seed) {
    oracle::bit_source random(seed);
    for (matrix_index const multiple : {1, 16, 128}) {
      matrix_index first = 0, end = 0;
      matrix_index const groups = random.below(9);
      for (matrix_index g = 0; g != groups; ++g) {
        matrix_index const size = random.below(4) == 0 ? 0 : random.below(300);
        matrix_index const start = padded_start(first, g, multiple);
        CHECK(start % multiple == 0);
        CHECK(start >= end);
        end = start + detail::ceil_div(size, multiple) * multiple;
        first += size;
      }
      CHECK(padded_start(first, groups, multiple) >= end);
      CHECK(padded_start(first, groups, multiple) <= first + groups * (multiple - 1));
    }
  }
}

namespace {
template <class ScaleLayout>
void groups_are_matrices() {
  using q = quantizer<>;
  std::vector<matrix_index> const offsets{0, 3, 3, 140, 150};
  auto const values = fixture::filled(150, 70, 2);
  auto const shape = grouped_shape(shape_for<q, ScaleLayout>(150, 70), 4);
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(shape.code_bytes()));
  std::vector<fp8_e4m3> scales(static_cast<std::size_t>(shape.scale_count()));
  std::vector<float> amaxes(4);
  auto const grouped = *make_grouped_view<nvfp4_block, ScaleLayout>(
      cuda::std::span<std::uint8_t>(codes.data(), codes.size()),
      cuda::std::span<fp8_e4m3>(scales.data(), scales.size()),
      cuda::std::span<float>(amaxes.data(), amaxes.size()), shape);
  CHECK(grouped.groups() == 4);
  for (std::size_t g = 0; g != 4; ++g) {
    auto const part_of = *part(values.view(), offsets[g], 0, offsets[g + 1] - offsets[g], 70);
    quantize(part_of, grouped.group(static_cast<matrix_index>(g), offsets[g], offsets[g + 1]), q{});
  }
  for (std::size_t g = 0; g != 4; ++g) {  // none wrote into another
    matrix_index const rows = offsets[g + 1] - offsets[g];
    auto const alone = quantized<ScaleLayout>(*part(values.view(), offsets[g], 0, rows, 70), q{});
    auto const view = grouped.group(static_cast<matrix_index>(g), offsets[g], offsets[g + 1]);
    CHECK(view.amax(0, 0) == alone.amax()[0]);
    int differences = 0;
    for (matrix_index i = 0; i != rows; ++i) {
      for (matrix_index j = 0; j != 70; ++j) {
        differences += static_cast<fp4_e2m1>(view.codes(i, j)).bits() !=
                       static_cast<fp4_e2m1>(alone.view().codes(i, j)).bits();
        differences += view.scale(i, j / 16).bits() != alone.view().scale(i, j / 16).bits();
      }
    }
    CHECK(differences == 0);
  }
}
}  // namespace

TEST_CASE("a group is a quantized matrix of its own, with plain scales and in tiles") {
  groups_are_matrices<cuda::std::layout_right>();
  groups_are_matrices<layout::scale_tile_128x4>();
}

TEST_CASE("buffers that are too small are refused") {
  auto const shape = grouped_shape(shape_for<quantizer<>, layout::scale_tile_128x4>(100, 64), 3);
  CHECK(shape.scale_rows == 384);
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(shape.code_bytes()));
  std::vector<fp8_e4m3> scales(static_cast<std::size_t>(shape.scale_count()) - 1);
  std::vector<float> amaxes(3);
  auto const made = make_grouped_view<nvfp4_block, layout::scale_tile_128x4>(
      cuda::std::span<std::uint8_t>(codes.data(), codes.size()),
      cuda::std::span<fp8_e4m3>(scales.data(), scales.size()),
      cuda::std::span<float>(amaxes.data(), amaxes.size()), shape);
  REQUIRE(!made.has_value());
  CHECK(made.error() == view_error::buffer_too_small);
}
