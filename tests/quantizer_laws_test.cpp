// SPDX-License-Identifier: Apache-2.0
// Laws between NVFP4 blocks, on blocks built to sit on ties. Each case says for which tensor amaxes
// its law holds, and counts that enough of the blocks fall there.
#include <nibble/quantizer.hpp>

#include <doctest/doctest.h>

#include <atomic>

#include "oracle/blocks.hpp"
#include "support/block_witness.hpp"
#include "support/everywhere.hpp"

using namespace nibble;

namespace {

constexpr std::uint64_t count = 1'000'000;

oracle::block quantized(oracle::sixteen const& values, std::uint32_t amax) {
  return witness::plain(quantizer<>{}(witness::read(values), witness::amax(amax)));
}

bool is_finite(oracle::test_block const& in) {
  bool finite = (in.amax & oracle::magnitude_mask) < oracle::infinity_bits;
  for (std::uint32_t const value : in.values) {
    finite &= (value & oracle::magnitude_mask) < oracle::infinity_bits;
  }
  return finite;
}

/// Violations of law(block) among the blocks where applies(block) is true; at least `least` of them.
template <class Applies, class Law>
std::uint64_t violations(std::uint64_t seed, std::uint64_t least, Applies applies, Law law) {
  oracle::block_generator const generate(seed);
  std::atomic<std::uint64_t> applied{0};
  std::uint64_t const wrong = everywhere::host_sweep(count, [&](std::uint64_t i) {
    oracle::test_block const in = generate(i);
    if (!applies(in)) {
      return true;
    }
    applied.fetch_add(1, std::memory_order_relaxed);
    return static_cast<bool>(law(in, i));
  });
  CHECK(applied >= least);
  return wrong;
}

auto const always = [](oracle::test_block const&) { return true; };

constexpr std::uint32_t power_of_two(int exponent) {
  return static_cast<std::uint32_t>(127 + exponent) << 23;
}

}  // namespace

TEST_CASE("for every amax: negated values have negated codes and the same scale, NaN aside") {
  CHECK(violations(101, count, always, [](oracle::test_block in, std::uint64_t) {
          oracle::block const made = quantized(in.values, in.amax);
          for (std::uint32_t& value : in.values) {
            value ^= oracle::sign_mask;
          }
          oracle::block const mirrored = quantized(in.values, in.amax);
          bool holds = made.scale == mirrored.scale;
          for (std::size_t i = 0; i != 16; ++i) {
            int const flip = oracle::is_nan(in.values[i]) ? 0 : 8;
            holds &= made.codes[i] == (mirrored.codes[i] ^ flip);
          }
          return holds;
        }) == 0);
}

TEST_CASE("for every amax: permuting a block permutes its codes") {
  CHECK(violations(102, count, always, [](oracle::test_block const& in, std::uint64_t index) {
          oracle::bit_source random(index);
          oracle::sixteen shuffled = in.values;
          std::array<std::size_t, 16> from{};
          for (std::size_t i = 0; i != 16; ++i) {
            from[i] = i;
          }
          for (std::uint32_t i = 16; i-- > 1;) {
            std::uint32_t const j = random.below(i + 1);
            std::swap(shuffled[i], shuffled[j]);
            std::swap(from[i], from[j]);
          }
          oracle::block const made = quantized(in.values, in.amax);
          oracle::block const other = quantized(shuffled, in.amax);
          bool holds = made.scale == other.scale;
          for (std::size_t i = 0; i != 16; ++i) {
            holds &= other.codes[i] == made.codes[from[i]];
          }
          return holds;
        }) == 0);
}

TEST_CASE("for every amax: within a block a larger value never has a smaller code") {
  CHECK(violations(103, count * 9 / 10, is_finite, [](oracle::test_block const& in, std::uint64_t) {
          oracle::block const made = quantized(in.values, in.amax);
          bool holds = true;
          for (std::size_t i = 0; i != 16; ++i) {
            for (std::size_t j = 0; j != 16; ++j) {
              if (oracle::less(in.values[i], in.values[j])) {
                holds &= !oracle::less(oracle::quick_e2m1().decode(made.codes[j]),
                                       oracle::quick_e2m1().decode(made.codes[i]));
              }
            }
          }
          return holds;
        }) == 0);
}

TEST_CASE("for amaxes of 1e-32 to 1e35 and normal scales: quantizing the numbers again changes nothing") {
  auto const in_range = [](oracle::test_block const& in) {
    float const amax = std::bit_cast<float>(in.amax);
    return is_finite(in) && amax >= 1e-32f && amax <= 1e35f &&
           quantized(in.values, in.amax).scale >= 0x08;
  };
  CHECK(violations(104, count / 2, in_range, [](oracle::test_block const& in, std::uint64_t) {
          oracle::block const made = quantized(in.values, in.amax);
          return quantized(oracle::dequantize(made, in.amax), in.amax) == made;
        }) == 0);
}

TEST_CASE("below 1e-37 and above 1e36 it does change, which is why the law has a range") {
  oracle::block_generator const generate(105);
  std::uint64_t changed_low = 0;
  std::uint64_t changed_high = 0;
  for (std::uint64_t i = 0; i != 100'000; ++i) {
    auto const in = generate(i, oracle::block_class::extreme_amax);
    oracle::block const made = quantized(in.values, in.amax);
    bool const changed = quantized(oracle::dequantize(made, in.amax), in.amax) != made;
    changed_low += changed && std::bit_cast<float>(in.amax) < 1e-37f ? 1U : 0U;
    changed_high += changed && std::bit_cast<float>(in.amax) > 1e36f ? 1U : 0U;
  }
  CHECK(changed_low > 100);
  CHECK(changed_high > 100);
}

TEST_CASE("for amaxes of 2^-40 to 2^40: a power of two on values and amax changes no byte") {
  auto const in_range = [](oracle::test_block const& in) {
    return is_finite(in) && in.amax >= power_of_two(-40) && in.amax <= power_of_two(40) &&
           quantized(in.values, in.amax).scale != 0;
  };
  CHECK(violations(106, count / 2, in_range, [](oracle::test_block in, std::uint64_t index) {
          oracle::block const made = quantized(in.values, in.amax);
          std::uint32_t const factor =
              power_of_two(static_cast<int>(oracle::bit_source(index).below(41)) - 20);
          for (std::uint32_t& value : in.values) {
            std::uint32_t const scaled = oracle::ieee::multiply(value, factor);
            // What would lose bits as a subnormal is left out of both.
            bool const exact = (scaled & oracle::magnitude_mask) >= 0x00800000U || oracle::is_zero(value);
            value = exact ? scaled : 0;
          }
          oracle::block const other = quantized(in.values, oracle::ieee::multiply(in.amax, factor));
          bool holds = made.scale == other.scale;
          for (std::size_t i = 0; i != 16; ++i) {
            holds &= made.codes[i] == other.codes[i] || oracle::is_zero(in.values[i]);
          }
          return holds;
        }) == 0);
}

// bugs: A4
TEST_CASE("for every finite amax: data above 0 under a scale of 0 have codes but stand for 0") {
  auto const in_range = [](oracle::test_block const& in) {
    return is_finite(in) && quantized(in.values, in.amax).scale == 0;
  };
  CHECK(violations(107, 10'000, in_range, [](oracle::test_block const& in, std::uint64_t) {
          auto const block = quantizer<>{}(witness::read(in.values), witness::amax(in.amax));
          bool holds = true;
          for (float const number : quantizer<>{}.dequantize(block, witness::amax(in.amax))) {
            holds &= number == 0;
          }
          return holds;
        }) == 0);
}
