// SPDX-License-Identifier: Apache-2.0
// How often a quantizer differs from the blocks of another library's convention.
#pragma once

#include <algorithm>
#include <array>
#include <bit>

#include <nibble/nibble.hpp>

#include "oracle/golden_conventions.hpp"

namespace conventions {

inline nibble::row<float, 16> values_of(golden::convention_block const& block) {
  nibble::row<float, 16> values{};
  for (int i = 0; i < 16; ++i) {
    values[i] = std::bit_cast<float>(block.values[static_cast<std::size_t>(i)]);
  }
  return values;
}

/// Does a quantizer give the codes and the scale of this block?
template <class Quantizer>
bool is_same(golden::convention_block const& expected) {
  auto const made =
      Quantizer{}(values_of(expected), nibble::tensor_amax{std::bit_cast<float>(expected.amax)});
  std::uint64_t codes = 0;
  for (int i = 0; i < 16; ++i) {
    codes |= static_cast<std::uint64_t>(made.codes[i].bits()) << 4 * i;
  }
  return codes == expected.codes && made.scale.bits() == expected.scale;
}

/// Does a quantizer that reads files decode this block, given the outer scale that the file holds?
template <class Stored>
bool decodes(golden::convention_block const& expected) {
  nibble::nvfp4_block block{{}, nibble::fp8_e4m3::from_bits(expected.scale)};
  for (int i = 0; i < 16; ++i) {
    block.codes.set(
        i, nibble::fp4_e2m1::from_bits(static_cast<std::uint8_t>(expected.codes >> 4 * i & 15)));
  }
  auto const numbers = Stored::decode(
      block, Stored::prepare(nibble::tensor_amax{std::bit_cast<float>(expected.outer)}));
  bool equal = true;
  for (int i = 0; i < 16; ++i) {
    equal = equal && std::bit_cast<std::uint32_t>(numbers[i]) ==
                         expected.restored[static_cast<std::size_t>(i)];
  }
  return equal;
}

template <class Quantizer, std::size_t N>
int differences(std::array<golden::convention_block, N> const& blocks) {
  return static_cast<int>(std::count_if(
      blocks.begin(), blocks.end(), [](auto const& each) { return !is_same<Quantizer>(each); }));
}

template <class Stored, std::size_t N>
int wrongly_decoded(std::array<golden::convention_block, N> const& blocks) {
  return static_cast<int>(std::count_if(blocks.begin(), blocks.end(),
                                        [](auto const& each) { return !decodes<Stored>(each); }));
}

/// A block with its first value, for worked examples.
inline nibble::row<float, 16> first_is(float value) {
  nibble::row<float, 16> values{};
  values[0] = value;
  return values;
}

}  // namespace conventions
