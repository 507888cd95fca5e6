// SPDX-License-Identifier: Apache-2.0
// The policies of the published methods against a second model in exact rationals, bit by bit.
#include <doctest/doctest.h>

#include <bit>

#include <nibble/nibble.hpp>

#include "oracle/golden_methods.hpp"

namespace {

using namespace nibble;

// 16 codes in order. Where they start is in the type: g++ 12 merges functions for 16 and 32 codes that
// look alike, and then warns of code 16 of 16.
template <int First = 0, class Block>
std::uint64_t word_of(Block const& block) {
  static_assert(First + 16 <= Block::size);
  std::uint64_t word = 0;
  for (int i = 0; i < 16; ++i) {
    word |= static_cast<std::uint64_t>(block.codes[First + i].bits()) << 4 * i;
  }
  return word;
}

template <class Quantizer, class Row>
int mismatches(Row const& row, std::uint64_t codes, std::uint8_t scale, tensor_amax amax) {
  constexpr auto size = static_cast<std::size_t>(Quantizer::block_type::size);
  float values[size];
  for (std::size_t i = 0; i < size; ++i) values[i] = std::bit_cast<float>(row.values[i]);
  Quantizer const q{};
  auto const block = q(values, amax);
  int wrong = word_of(block) != codes;
  wrong += block.scale.bits() != scale;
  auto const back = q.decode(block, q.prepare(amax));
  for (std::size_t i = 0; i < size; ++i) {
    wrong += std::bit_cast<std::uint32_t>(back[static_cast<int>(i)]) != row.restored[i];
  }
  return wrong;
}

template <class Quantizer, std::size_t N>
int mismatches_of(std::array<golden::small_block, N> const& rows) {
  int wrong = 0;
  for (auto const& row : rows) {
    wrong += mismatches<Quantizer>(row, row.codes, row.scale, {std::bit_cast<float>(row.amax)});
  }
  return wrong;
}

}  // namespace

TEST_CASE("MS-EDEN gives the codes, scales and random choices of the exact model") {
  using q = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::current<256>>,
                      rounding::nearest_even, transform::identity, correction::eden<128>>;
  int wrong = 0, changed = 0;
  for (auto const& row : golden::eden_rows) {
    float values[128];
    for (std::size_t i = 0; i < 128; ++i) values[i] = std::bit_cast<float>(row.values[i]);
    q eden{};
    eden.correction.source = {5, 6};
    auto const group = eden(values, tensor_amax{std::bit_cast<float>(row.amax)}, row.index);
    for (int b = 0; b < 8; ++b) {
      auto const at = static_cast<std::size_t>(b);
      wrong += word_of(group.blocks[0][b]) != row.codes[at];
      wrong += group.blocks[0][b].scale.bits() != row.scales[at];
    }
    changed += row.ratio != 0x3F800000U;
  }
  CHECK(wrong == 0);
  CHECK(changed > 20);  // the factor has something to do
}

TEST_CASE("blocks of two tables take the table, the scale and the codes of the exact model") {
  CHECK(mismatches_of<quantizer<if4_block, scaling::adaptive<>>>(golden::if4_blocks) == 0);
  CHECK(mismatches_of<quantizer<razer_block, scaling::adaptive<>>>(golden::razer_blocks) == 0);
  for (auto const* blocks : {&golden::if4_blocks, &golden::razer_blocks}) {
    int tagged = 0;
    for (auto const& block : *blocks) tagged += block.scale >> 7;
    CHECK(tagged > 5);
    CHECK(tagged < 43);
  }
}

TEST_CASE("UE5M3 scales without a tensor scale are those of the exact model") {
  using q =
      quantizer<block<fp4_e2m1, ue5m3, 16>, scaling::amax<scaling::tile::row, tensor_scale::none>>;
  CHECK(mismatches_of<q>(golden::ue5m3_blocks) == 0);
}

TEST_CASE("MXFP4 at three quarters is that of the exact model, and saturates nothing") {
  using q =
      quantizer<mxfp4_block, scaling::power_of_two<scaling::exponent_rule::floor,
                                                   scaling::tile::row, tensor_scale::fixed<3, 4>>>;
  int wrong = 0;
  for (auto const& row : golden::mxfp4_blocks) {
    wrong += mismatches<q>(row, row.codes[0], row.scale, {0});
    float values[32];
    for (std::size_t i = 0; i < 32; ++i) values[i] = std::bit_cast<float>(row.values[i]);
    wrong += word_of<16>(q{}(values, tensor_amax{0})) != row.codes[1];
  }
  CHECK(wrong == 0);
}
