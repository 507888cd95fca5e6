// SPDX-License-Identifier: Apache-2.0
// The correction that does nothing: the default of every quantizer.
#include <nibble/correction/none.hpp>

#include <doctest/doctest.h>

#include <nibble/nibble.hpp>

namespace {

/// Sets every code to 1: shows that a quantizer calls its correction, after rounding.
struct all_ones {
  static constexpr int columns = 32;
  template <std::size_t Rows, std::size_t Columns, class Group>
  static constexpr void apply(float const (&)[Rows][Columns], nibble::tensor_scale::factors const&,
                              nibble::position, Group& group) noexcept {
    for (auto& row : group.blocks) {
      for (auto& block : row) {
        for (int i = 0; i < 16; ++i) {
          block.codes.set(i, nibble::fp4_e2m1(1.0f));
        }
      }
    }
  }
};

}  // namespace

TEST_CASE("none leaves the blocks, and what a correction asks for widens the group") {
  using namespace nibble;
  using corrected = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even,
                              transform::identity, all_ones>;
  static_assert(corrected::group.columns == 32 && quantizer<>::group.columns == 16);
  float values[32], first_half[16];
  for (int i = 0; i < 32; ++i) {
    values[i] = static_cast<float>(i) - 8;
    if (i < 16) first_half[i] = values[i];
  }
  auto const plain = quantizer<>{}(first_half, tensor_amax{23});
  auto const changed = corrected{}(values, tensor_amax{23});
  CHECK(plain.codes[0].bits() != 2);
  CHECK(changed.blocks[0][0].codes[0].bits() == 2);
  CHECK(changed.blocks[0][1].codes[15].bits() == 2);
  CHECK(changed.blocks[0][0].scale == plain.scale);

  block_group<nvfp4_block, 1, 1> group{{{plain}}};
  float const row[1][16]{};
  correction::none::apply(row, {}, {}, group);
  for (int i = 0; i < 16; ++i) {
    CHECK(group.blocks[0][0].codes[i].bits() == plain.codes[i].bits());
  }
}
