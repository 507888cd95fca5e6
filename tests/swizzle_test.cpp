// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

#include <nibble/part.hpp>
#include <nibble/quantize.hpp>
#include <nibble/swizzle.hpp>

#include "support/matrices.hpp"

using namespace nibble;
using tiled = layout::scale_tile_128x4;

namespace {
std::vector<unsigned> bits(std::vector<fp8_e4m3> const& scales) {
  std::vector<unsigned> result;
  for (fp8_e4m3 const scale : scales) result.push_back(scale.bits());
  return result;
}
}  // namespace

// bugs: D6
TEST_CASE("swizzled scales are those that quantizing into tiles writes, and they come back") {
  for (auto const& [rows, columns] :
       {std::pair{1, 16}, {128, 64}, {129, 80}, {300, 1000}, {0, 64}}) {
    auto const values = fixture::filled(rows, columns, 4);
    auto const plain = quantized(values.view(), quantizer<>{});
    auto const expected = quantized<tiled>(values.view(), quantizer<>{});
    quantized_matrix<nvfp4_block, tiled> moved(expected.shape());
    for (matrix_index i = 0; i < moved.shape().scale_count(); ++i) {  // what padding must not keep
      moved.view().scales.data_handle()[i] = fp8_e4m3::from_bits(0x7F);
    }
    swizzle(plain.view().scales, moved.view().scales);
    CHECK(bits(moved.scales()) == bits(expected.scales()));
    quantized_matrix<nvfp4_block> back(plain.shape());
    unswizzle(moved.view().scales, back.view().scales);
    CHECK(bits(back.scales()) == bits(plain.scales()));
  }
}

TEST_CASE("moving scales writes nothing before or behind either buffer") {
  constexpr std::size_t guard = 4096;
  auto const marked = [](std::size_t size) {
    return std::vector<fp8_e4m3>(size + 2 * guard, fp8_e4m3::from_bits(0x55));
  };
  auto const is_marked = [](std::vector<fp8_e4m3> const& all) {
    bool kept = true;
    for (std::size_t i = 0; i != guard; ++i) {
      kept = kept && all[i].bits() == 0x55 && all[all.size() - 1 - i].bits() == 0x55;
    }
    return kept;
  };
  for (auto const& [rows, columns] : {std::pair{128, 4}, {130, 4}, {1, 9}, {256, 8}}) {
    matrix_extents const extents(rows, columns);
    tiled::mapping<matrix_extents> const mapping(extents);
    auto plain = marked(static_cast<std::size_t>(rows * columns));
    auto tiles = marked(static_cast<std::size_t>(mapping.required_span_size()));
    cuda::std::mdspan<fp8_e4m3, matrix_extents> const in(plain.data() + guard, extents);
    tiled_scales<fp8_e4m3> const out(tiles.data() + guard, mapping);
    swizzle(in, out);
    CHECK(is_marked(tiles));
    unswizzle(out, in);
    CHECK(is_marked(plain));
  }
}

// bugs: D9
TEST_CASE("other extents and parts of tiled matrices are refused") {
  quantized_matrix<nvfp4_block> plain(shape_for<quantizer<>>(16, 64));
  quantized_matrix<nvfp4_block, tiled> other(shape_for<quantizer<>, tiled>(16, 80));
  CHECK_THROWS_AS(swizzle(plain.view().scales, other.view().scales), std::invalid_argument);
  CHECK_THROWS_AS(unswizzle(other.view().scales, plain.view().scales), std::invalid_argument);
  // The message says both shapes, each way round.
  CHECK_THROWS_WITH(swizzle(plain.view().scales, other.view().scales),
                    doctest::Contains("got scales of 16 x 4 for tiles of 16 x 5, need"));
  CHECK_THROWS_WITH(unswizzle(other.view().scales, plain.view().scales),
                    doctest::Contains("got tiles of 16 x 5 for scales of 16 x 4, need"));
  quantized_matrix<nvfp4_block, tiled> taller(shape_for<quantizer<>, tiled>(17, 64));
  CHECK_THROWS_AS(swizzle(plain.view().scales, taller.view().scales), std::invalid_argument);
  auto const piece = part(other.view(), 0, 0, 16, 64);
  REQUIRE(piece.has_value());
  CHECK_THROWS_AS(swizzle(plain.view().scales, piece->scales), std::invalid_argument);
}
