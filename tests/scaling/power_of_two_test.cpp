// SPDX-License-Identifier: Apache-2.0
// MX scales for every exponent and for the edges of the mantissa, against the definitions.
#include <nibble/scaling/power_of_two.hpp>

#include <doctest/doctest.h>

#include "oracle/formats.hpp"
#include "support/scaling_laws.hpp"

using namespace nibble;

namespace {

using scaling::exponent_rule;
using scaling::power_of_two;

template <exponent_rule Rule, class Block>
constexpr auto choose(float amax) {
  float values[1][std::size_t{Block::size}]{};
  values[0][1] = amax;
  return power_of_two<Rule>::template choose<Block>(values, {});
}

static_assert(choose<exponent_rule::floor, mxfp4_block>(6.0f).scale.bits() == 127);
static_assert(choose<exponent_rule::floor, mxfp4_block>(7.9f).scale.bits() == 127);
static_assert(choose<exponent_rule::floor, mxfp4_block>(8.0f).scale.bits() == 128);
static_assert(choose<exponent_rule::round_up, mxfp4_block>(6.0f).scale.bits() == 127);
static_assert(choose<exponent_rule::round_up, mxfp4_block>(0x1.800002p2f).scale.bits() == 128);
static_assert(choose<exponent_rule::floor, mxfp8_block>(448.0f).scale.bits() == 127);
static_assert(choose<exponent_rule::floor, mxfp4_block>(0.0f).scale.bits() == 0);
static_assert(choose<exponent_rule::floor, mxfp4_block>(0.0f).encode == 0x1p127f);
static_assert(choose<exponent_rule::floor, mxfp4_block>(0x1p-149f).scale.bits() == 0);
static_assert(choose<exponent_rule::round_up, mxfp4_block>(detail::largest_float).scale.bits() ==
              127 + 126);

/// Is amax / 2^exponent at most the largest element? By exact comparison, no division.
bool fits(float amax, int exponent, float largest) {
  oracle::dyadic bound = oracle::from_binary32(std::bit_cast<std::uint32_t>(largest)).value;
  bound.exponent += exponent;
  return oracle::compare_magnitudes(
             oracle::from_binary32(std::bit_cast<std::uint32_t>(amax)).value, bound) <= 0;
}

/// Is 2^power at most amax?
bool reaches(float amax, int power) {
  return oracle::compare_magnitudes(oracle::from_binary32(std::bit_cast<std::uint32_t>(amax)).value,
                                    {false, 1, power}) >= 0;
}

template <class Block>
std::uint32_t mismatches() {
  using element = typename Block::element_type;
  float const largest = static_cast<float>(limits<element>::max());
  int log2_largest = 0;
  while (reaches(largest, log2_largest + 1)) {
    ++log2_largest;
  }
  std::uint32_t const top = std::bit_cast<std::uint32_t>(largest) & 0x007FFFFFU;
  std::uint32_t wrong = 0;
  for (std::uint32_t field = 0; field != 255; ++field) {
    for (std::uint32_t const mantissa : {0U, 1U, 2U, top - 1, top, top + 1, 0x3FFFFFU, 0x400000U,
                                         0x400001U, 0x7FFFFEU, 0x7FFFFFU}) {
      float const amax = std::bit_cast<float>((field << 23 | mantissa) & oracle::magnitude_mask);
      if (amax == 0 || (field == 254 && mantissa > 0x7FFFFFU)) {
        continue;
      }
      auto const floored = choose<exponent_rule::floor, Block>(amax);
      auto const raised = choose<exponent_rule::round_up, Block>(amax);
      // floor: 2^(e + log2_largest) <= amax < 2^(e + log2_largest + 1), e at least -127
      int e = static_cast<int>(floored.scale.bits()) - 127;
      bool equal = !reaches(amax, e + log2_largest + 1) &&
                   (reaches(amax, e + log2_largest) || e == -127);
      // round_up: the smallest e under which the amax fits, at least -127
      e = static_cast<int>(raised.scale.bits()) - 127;
      equal = equal && fits(amax, e, largest) && (!fits(amax, e - 1, largest) || e == -127);
      // The multiplier is the reciprocal, exactly: nothing saturates with round_up.
      equal = equal && raised.encode * static_cast<float>(raised.scale) == 1.0f &&
              floored.encode * static_cast<float>(floored.scale) == 1.0f &&
              amax * raised.encode <= largest;
      wrong += equal ? 0U : 1U;
    }
  }
  return wrong;
}

}  // namespace

// bugs: A16 B25
TEST_CASE("for every exponent both rules are their definitions, and round_up saturates nothing") {
  CHECK(mismatches<mxfp4_block>() == 0);
  CHECK(mismatches<mxfp6_e2m3_block>() == 0);
  CHECK(mismatches<mxfp6_e3m2_block>() == 0);
  CHECK(mismatches<mxfp8_block>() == 0);
  CHECK(mismatches<mxfp8_e5m2_block>() == 0);
}

TEST_CASE("the floor rule saturates what lies between the largest element and the next power of two") {
  using mxfp4 = quantizer<mxfp4_block, power_of_two<>>;
  float values[32] = {7.5f, -7.5f, 6.0f, 5.0f, 1.0f};
  mxfp4_block const made = mxfp4{}(values, tensor_amax{0});
  CHECK(made.scale.bits() == 127);
  CHECK(made.codes[0].bits() == 0x7);
  CHECK(made.codes[1].bits() == 0xF);
  CHECK(made.codes[4].bits() == 0x2);
}

TEST_CASE("infinity counts as 2^128 and NaN not at all") {
  float const infinity = std::bit_cast<float>(oracle::infinity_bits);
  CHECK(choose<exponent_rule::floor, mxfp4_block>(infinity).scale.bits() == 127 + 126);
  CHECK(choose<exponent_rule::round_up, mxfp4_block>(infinity).scale.bits() == 127 + 126);
  float const nan = std::bit_cast<float>(oracle::quiet_nan_bits);
  CHECK(choose<exponent_rule::floor, mxfp4_block>(nan).scale.bits() == 0);
}

TEST_CASE("where elements end below 2 the scale stays a number: 2^127 at most") {
  using block = nibble::block<fp4_e1m2, e8m0, 32>;
  constexpr auto of_infinity = choose<exponent_rule::floor, block>(__builtin_inff());
  static_assert(of_infinity.scale.bits() == 254 && of_infinity.encode == 0x1p-127f);
  static_assert(choose<exponent_rule::round_up, block>(detail::largest_float).scale.bits() == 254);
  float const infinity = std::bit_cast<float>(oracle::infinity_bits);
  CHECK(choose<exponent_rule::floor, block>(infinity).scale.bits() == 127 + 127);
  CHECK(choose<exponent_rule::floor, block>(infinity).encode == 0x1p-127f);
  CHECK(choose<exponent_rule::round_up, block>(detail::largest_float).scale.bits() == 127 + 127);
}

TEST_CASE("a block of every MX format decodes to code times power of two") {
  oracle::block_generator const generate(71);
  auto const wrong = [&]<class Block>(Block) {
    using element = typename Block::element_type;
    using mx = quantizer<Block, power_of_two<exponent_rule::round_up>>;
    std::uint32_t bad = 0;
    for (std::uint64_t i = 0; i != 2000; ++i) {
      auto const in = generate(i);
      auto const at = [&](int, int c) { return std::bit_cast<float>(in.values[static_cast<std::size_t>(c % 16)]); };
      Block const made = mx{}(at, tensor_amax{0});
      float const scale = static_cast<float>(made.scale);
      auto const numbers = mx::decode(made, mx::prepare({0}));
      for (int c = 0; c < 32; ++c) {
        element const code(arch::divide(at(0, c), scale));  // exact but for underflow
        bool const equal = made.codes[c].bits() == code.bits() &&
                           laws::scale_bits(numbers[c]) ==
                               laws::scale_bits(arch::multiply(static_cast<float>(code), scale));
        bad += equal ? 0U : 1U;
      }
    }
    return bad;
  };
  CHECK(wrong(mxfp4_block{}) == 0);
  CHECK(wrong(mxfp6_e2m3_block{}) == 0);
  CHECK(wrong(mxfp6_e3m2_block{}) == 0);
  CHECK(wrong(mxfp8_block{}) == 0);
}

TEST_CASE("the laws hold for powers of two, in rows and in square tiles") {
  laws::hold<power_of_two<>, mxfp4_block>(50'000);
  laws::hold<power_of_two<exponent_rule::round_up>, mxfp8_block>(50'000);
  laws::hold<power_of_two<exponent_rule::round_up, scaling::tile::square>, mxfp4_block>(2'000);
}
