// SPDX-License-Identifier: Apache-2.0
// The generated blocks have the power they are made for: every wrong formula shows on them.
#include "oracle/blocks.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace {

constexpr std::uint64_t blocks = 100'000;

/// True if one step down or up from here changes the code: on a tie or beside it.
bool at_an_edge(oracle::quick_encoder const& encoder, std::uint32_t bits) {
  std::uint32_t const magnitude = bits & oracle::magnitude_mask;
  if (magnitude == 0 || magnitude >= oracle::infinity_bits)
    return false;
  return encoder.encode(magnitude - 1) != encoder.encode(magnitude + 1);
}

}  // namespace

TEST_CASE("at least half of the generated blocks sit on ties, and every class occurs") {
  oracle::block_generator const generate(1);
  std::array<std::uint64_t, oracle::block_class_names.size()> counts{};
  std::uint64_t tied = 0;
  std::uint64_t scale_zero = 0;
  for (std::uint64_t index = 0; index != blocks; ++index) {
    oracle::test_block const made = generate(index);
    ++counts[static_cast<std::size_t>(made.kind)];
    oracle::trace steps;
    auto const block = oracle::quantize(made.values, oracle::scales_of(made.amax), steps);
    scale_zero += block.scale == 0 && steps.amax != 0 ? 1U : 0U;
    bool at_edge = at_an_edge(oracle::quick_e4m3(), steps.scale);
    for (std::uint32_t const y : steps.scaled)
      at_edge |= at_an_edge(oracle::quick_e2m1(), y);
    tied += at_edge ? 1U : 0U;
  }
  for (std::size_t kind = 0; kind != counts.size(); ++kind) {
    CAPTURE(oracle::block_class_names[kind]);
    CHECK(counts[kind] >= blocks / 100);
  }
  CHECK(tied >= blocks / 2);
  CHECK(scale_zero >= 1000);
}

// bugs: D21
TEST_CASE("every wrong formula differs from the right one on a thousand generated blocks") {
  oracle::block_generator const generate(2);
  std::array<std::uint64_t, oracle::mutant_names.size()> killed{};
  for (std::uint64_t index = 0; index != blocks; ++index) {
    oracle::test_block const made = generate(index);
    oracle::block const right = oracle::quantize(made.values, made.amax);
    for (std::size_t which = 0; which != killed.size(); ++which) {
      auto const wrong =
          oracle::quantize_as(static_cast<oracle::mutant>(which), made.values, made.amax);
      killed[which] += wrong == right ? 0U : 1U;
    }
  }
  for (std::size_t which = 0; which != killed.size(); ++which) {
    CAPTURE(oracle::mutant_names[which]);
    CHECK(killed[which] >= 1000);
  }
}

TEST_CASE("random blocks alone would let wrong orders of operations pass") {
  oracle::block_generator const generate(3);
  std::uint64_t killed = 0;
  for (std::uint64_t index = 0; index != blocks / 10; ++index) {
    auto const made = generate(index, oracle::block_class::generic);
    oracle::block const right = oracle::quantize(made.values, made.amax);
    for (auto const which : {oracle::mutant::amax_over_six, oracle::mutant::amax_times_sixth,
                             oracle::mutant::flush_subnormals}) {
      killed += oracle::quantize_as(which, made.values, made.amax) == right ? 0U : 1U;
    }
  }
  CHECK(killed <= 3);
}

TEST_CASE("a wrong decode factor and a wrong alpha show on generated amaxes") {
  oracle::block_generator const generate(4);
  std::uint64_t factors = 0;
  std::uint64_t alphas = 0;
  for (std::uint64_t index = 0; index != 10'000; ++index) {
    auto const first = generate(2 * index, oracle::block_class::scale_tie);
    auto const second = generate(2 * index + 1, oracle::block_class::generic);
    oracle::block const made = oracle::quantize(first.values, first.amax);
    std::uint32_t const q = oracle::quick_e4m3().decode(made.scale);
    bool const same_factor = oracle::same(oracle::decode_factor(q, first.amax),
                                          oracle::decode_factor_by_scale(q, first.amax));
    factors += same_factor ? 0U : 1U;
    bool const same_alpha =
        oracle::same(oracle::alpha_of(oracle::one_bits, first.amax, second.amax),
                     oracle::alpha_by_division(oracle::one_bits, first.amax, second.amax));
    alphas += same_alpha ? 0U : 1U;
  }
  CHECK(factors >= 1000);
  CHECK(alphas >= 500);
}

TEST_CASE("the blocks of a seed are the same everywhere and in any order") {
  oracle::block_generator const generate(1);
  std::uint64_t digest = 0xCBF29CE484222325U;
  auto const absorb = [&](std::uint64_t value) { digest = (digest ^ value) * 0x100000001B3U; };
  for (std::uint64_t index = 20'000; index-- != 0;) {
    oracle::test_block const made = generate(index);
    absorb(made.amax);
    for (std::uint32_t const value : made.values)
      absorb(value);
    oracle::block const block = oracle::quantize(made.values, made.amax);
    absorb(block.scale);
    for (std::uint8_t const code : block.codes)
      absorb(code);
  }
  CHECK(digest == 0xBD56271AFA02FEC5U);
  CHECK(generate(7).values == oracle::block_generator(1)(7).values);
  CHECK(generate(7).values != oracle::block_generator(2)(7).values);
}

TEST_CASE("tiles hold their block's maximum and sit on ties") {
  oracle::block_generator const generate(5);
  std::uint64_t tied = 0;
  for (std::uint64_t index = 0; index != 1000; ++index) {
    oracle::test_tile const made = generate.tile(index);
    oracle::tile const result = oracle::quantize_tile(made.values, made.amax);
    std::uint32_t const b = oracle::amax_of(made.values);
    oracle::trace steps;
    CHECK(oracle::block_scale(b, oracle::scales_of(made.amax), steps) == result.scale);
    bool at_edge = false;
    for (oracle::sixteen const& row : made.values) {
      for (std::uint32_t const x : row) {
        at_edge |= at_an_edge(oracle::quick_e2m1(), oracle::ieee::multiply(x, steps.encode));
      }
    }
    tied += at_edge ? 1U : 0U;
  }
  CHECK(tied >= 500);
}

TEST_CASE("the hard amaxes bring 2688 / A within 2^-19 of half a step from a midpoint") {
  for (std::uint32_t const significand : oracle::hard_significands) {
    CAPTURE(significand);
    std::uint64_t dividend = 21;
    while (dividend / significand < (std::uint64_t{1} << 24))
      dividend *= 2;
    std::uint64_t const quotient = dividend / significand;  // 25 bits: the last one is the half
    std::uint64_t const rest = dividend % significand;
    std::uint64_t const distance = quotient % 2 != 0 ? rest : significand - rest;
    CHECK((distance << 19) <= significand);
  }
}

TEST_CASE("random words of every width include both extremes") {
  oracle::block_generator const generate(6);
  for (int const bits : {8, 16, 24}) {
    std::uint32_t const all = (std::uint32_t{1} << bits) - 1;
    std::uint32_t zeros = 0;
    std::uint32_t full = 0;
    std::uint32_t outside = 0;
    for (std::uint64_t index = 0; index != 100; ++index) {
      for (std::uint32_t const word : generate.words(index, bits)) {
        zeros += word == 0 ? 1U : 0U;
        full += word == all ? 1U : 0U;
        outside += word > all ? 1U : 0U;
      }
    }
    CHECK(zeros >= 100);
    CHECK(full >= 100);
    CHECK(outside == 0);
  }
}
