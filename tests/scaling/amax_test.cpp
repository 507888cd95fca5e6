// SPDX-License-Identifier: Apache-2.0
// Scaling by the amax: FP32 and UE5M3 scales against the definition, headroom, clipping, the laws.
#include <nibble/scaling/amax.hpp>

#include <doctest/doctest.h>

#include "oracle/formats.hpp"
#include "support/block_witness.hpp"
#include "support/scaling_laws.hpp"

using namespace nibble;

namespace {

using scaling::tile;
using tensor_scale::current;
using ue5m3_block = block<fp4_e2m1, ue5m3, 16>;
template <class Rule>
using with_headroom = scaling::amax<tile::row, current<>, Rule, 16, 17>;

// amax 2688 gives S_enc = 1: the published scales of 2688, 1392 (a tie), 1393, 6, and around 2^-9.
constexpr std::uint32_t scale_of(float block_amax) {
  float const values[1][16] = {{block_amax}};
  return scaling::amax<>::choose<nvfp4_block>(values, current<>::from<fp4_e2m1>({2688}))
      .scale.bits();
}
static_assert(scale_of(2688) == 0x7E && scale_of(2783.9f) == 0x7E && scale_of(1392) == 0x76);
static_assert(scale_of(1393) == 0x77 && scale_of(6) == 0x38 && scale_of(0.01171875f) == 0x01);
static_assert(scale_of(0.0058593755f) == 0x01 && scale_of(0.005859375f) == 0x00);
static_assert(scale_of(0) == 0x00);

static_assert(scaling::amax<>::target<fp4_e2m1> == 6.0f);
static_assert(with_headroom<format::nearest_even>::target<fp4_e2m1> == 6.0f * 16 / 17);

#if NIBBLE_HAS_LANES
// Several tiles at once: for rows under E4M3 scales that round to nearest even, and nothing else.
template <class Scaling, class Block = nvfp4_block>
constexpr bool at_once = scaling::chooses_each<Scaling, Block>;
static_assert(at_once<scaling::amax<>> && !at_once<scaling::amax<tile::square>> &&
              !at_once<scaling::amax<tile::row, current<>, format::nearest_away>> &&
              !at_once<scaling::amax<tile::row, tensor_scale::none>, ue5m3_block>);
#endif

/// Elements that exceed 6 after scaling, over blocks whose amax is at most the tensor's.
template <class Scaling>
std::uint64_t saturated(std::uint64_t count) {
  oracle::block_generator const generate(51);
  std::uint64_t found = 0;
  for (std::uint64_t i = 0; i != count; ++i) {
    oracle::test_block const in =
        generate(i, i % 2 == 0 ? oracle::block_class::scale_tie : oracle::block_class::double_tie);
    if (oracle::amax_of(in.values) > in.amax) {
      continue;  // a stale amax promises nothing
    }
    laws::tile_of<Scaling, nvfp4_block> const tile(in.values);
    auto const chosen = tile.choose(std::bit_cast<float>(in.amax));
    if (chosen.scale.bits() < 0x08) {
      continue;  // a subnormal scale may be off by more than 1/16
    }
    bool above = false;
    for (float const value : tile.values[0]) {
      above |= detail::magnitude(arch::multiply(value, chosen.encode)) > 6.0f;
    }
    found += above ? 1U : 0U;
  }
  return found;
}

}  // namespace

TEST_CASE("an FP32 scale maps the amax to 448 by one division and is not rounded again") {
  using fp8_row = quantizer<fp8_block, scaling::amax<tile::row, tensor_scale::none>>;
  oracle::block_generator const generate(52);
  std::uint32_t wrong = 0;
  auto const& fp8 = oracle::quick_e4m3();
  for (std::uint64_t i = 0; i != 20'000; ++i) {
    oracle::test_block const in = generate(i);
    auto const at = [&](int c) { return in.values[static_cast<std::size_t>(c % 16)]; };
    fp8_block const made =
        fp8_row{}([&](int, int c) { return std::bit_cast<float>(at(c)); }, tensor_amax{1.0f});
    std::uint32_t const amax = oracle::amax_of(in.values);
    std::uint32_t encode = oracle::minimum(
        oracle::ieee::divide(oracle::from_integer(448), amax), oracle::largest_bits);
    if (oracle::is_zero(amax) || oracle::is_zero(encode)) {
      encode = oracle::one_bits;
    }
    bool equal = std::bit_cast<std::uint32_t>(made.scale) ==
                 oracle::ieee::divide(oracle::one_bits, encode);
    for (int c = 0; c < 128; ++c) {
      equal &= made.codes[c].bits() == fp8.encode(oracle::ieee::multiply(at(c), encode));
    }
    wrong += equal ? 0U : 1U;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a UE5M3 scale covers the range without a tensor scale") {
  using wide_scale = quantizer<ue5m3_block, scaling::amax<tile::row, tensor_scale::none>>;
  oracle::block_generator const generate(53);
  auto const& scales = oracle::table_of(oracle::ue5m3);
  std::uint32_t wrong = 0;
  for (std::uint64_t i = 0; i != 20'000; ++i) {
    oracle::test_block const in = generate(i);
    ue5m3_block const made = wide_scale{}(witness::read(in.values), tensor_amax{1.0f});
    std::uint32_t const ideal = oracle::minimum(
        oracle::ieee::multiply(oracle::amax_of(in.values), oracle::sixth_bits), oracle::largest_bits);
    std::uint32_t const code = scales.convert(oracle::from_binary32(ideal));
    std::uint32_t const value = oracle::round_to_binary32(scales.decode(code).value);
    std::uint32_t const encode = oracle::minimum(
        oracle::ieee::divide(oracle::one_bits, value), oracle::largest_bits);
    bool equal = made.scale.bits() == code;
    for (std::size_t c = 0; c != 16; ++c) {
      equal &= made.codes[static_cast<int>(c)].bits() ==
               oracle::quick_e2m1().encode(oracle::ieee::multiply(in.values[c], encode));
    }
    wrong += equal ? 0U : 1U;
  }
  CHECK(wrong == 0);
}

TEST_CASE("with a headroom of 16/17 no element saturates, whatever way the scale rounds but down") {
  CHECK(saturated<with_headroom<format::nearest_even>>(200'000) == 0);
  CHECK(saturated<with_headroom<format::nearest_away>>(200'000) == 0);
  CHECK(saturated<with_headroom<format::away_from_zero>>(200'000) == 0);
  CHECK(saturated<scaling::amax<tile::row, current<>, format::away_from_zero>>(200'000) == 0);
}

TEST_CASE("without headroom elements do saturate") {
  CHECK(saturated<scaling::amax<>>(20'000) > 1000);
}

TEST_CASE("the rule of the scale's rounding is the one that was asked for") {
  oracle::block_generator const generate(54);
  auto const& scales = oracle::table_of(oracle::e4m3);
  std::uint32_t wrong = 0;
  auto const check = [&]<class Rule>(Rule, oracle::direction direction) {
    for (std::uint64_t i = 0; i != 20'000; ++i) {
      oracle::test_block const in = generate(i, oracle::block_class::scale_tie);
      auto const chosen = laws::tile_of<scaling::amax<tile::row, current<>, Rule>, nvfp4_block>(
                              in.values).choose(std::bit_cast<float>(in.amax));
      oracle::trace steps;
      oracle::quantize(in.values, oracle::scales_of(in.amax), steps);
      std::uint32_t const code = scales.encode(oracle::from_binary32(steps.scale), direction);
      wrong += chosen.scale.bits() == code ? 0U : 1U;
    }
  };
  check(format::nearest_even{}, oracle::direction::nearest_even);
  check(format::nearest_away{}, oracle::direction::nearest_away);
  check(format::toward_zero{}, oracle::direction::toward_zero);
  check(format::away_from_zero{}, oracle::direction::upward);
  CHECK(wrong == 0);
}

TEST_CASE("the laws hold for NVFP4 rows and tiles, FP32, UE5M3 and headroom scales") {
  laws::hold<scaling::amax<>, nvfp4_block>(100'000);
  laws::hold<scaling::amax<tile::square>, nvfp4_block>(10'000);
  laws::hold<with_headroom<format::nearest_even>, nvfp4_block>(100'000);
  laws::hold<scaling::amax<tile::row, tensor_scale::none>, fp8_block>(10'000);
}
