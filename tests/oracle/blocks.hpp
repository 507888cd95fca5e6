// SPDX-License-Identifier: Apache-2.0
// Deterministic test blocks that sit where wrong formulas show: on ties of the block scale and of
// the elements, on tensor maxima at the ends of the range, on special values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "exact.hpp"
#include "formats.hpp"
#include "nvfp4.hpp"

namespace oracle {

enum class block_class : std::uint8_t {
  generic,          // binary32 of any shape, any tensor amax
  bf16_grid,        // bf16 data under a structured tensor amax
  scale_tie,        // b * M on or one step beside an E4M3 midpoint
  element_tie,      // x * enc on or one step beside E2M1 midpoints
  double_tie,       // both at once
  hard_amax,        // 2688 / A close to the middle of two binary32 numbers, with ties
  extreme_amax,     // subnormal, tiny, huge tensor amax, with ties
  stale_amax,       // b > A
  tiny_block,       // nonzero data whose scale is zero or the least subnormal
  both_maps_exact,  // four-over-six finds no error either way
  special_values    // zeros of both signs, NaN, infinity, in data or amax
};

inline constexpr std::array<std::string_view, 11> block_class_names{
    "generic",      "bf16_grid",  "scale_tie",  "element_tie",     "double_tie",    "hard_amax",
    "extreme_amax", "stale_amax", "tiny_block", "both_maps_exact", "special_values"};

struct test_block {
  block_class kind = block_class::generic;
  std::uint32_t amax = 0;
  sixteen values{};
};

struct test_tile {
  std::uint32_t amax = 0;
  tile_values values{};
};

/// The sixteen significands a (2^23 <= a < 2^24) for which 2688 / a comes closest to the midpoint
/// of two binary32 numbers (within 2^-19 of half a step): where S_enc is hardest to round.
inline constexpr std::array<std::uint32_t, 16> hard_significands{
    0xBFF6EEU, 0xF72EF0U, 0xFA863BU, 0x9AFF8CU, 0x861114U, 0xE9978DU, 0xC90799U, 0xC5E681U,
    0x9B667FU, 0xF6A4C8U, 0xE6184DU, 0x928497U, 0xE4AF98U, 0xC630C3U, 0xC5FF3DU, 0xC00003U};

/// A small counter-seeded generator (splitmix64 steps).
class bit_source {
 public:
  explicit bit_source(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31);
  }

  /// Uniform in [0, count), count far below 2^32.
  std::uint32_t below(std::uint32_t count) {
    return static_cast<std::uint32_t>(((next() >> 32) * count) >> 32);
  }

  template <class T, std::size_t Count>
  T pick(std::array<T, Count> const& choices) {
    return choices[below(static_cast<std::uint32_t>(Count))];
  }

 private:
  std::uint64_t state_;
};

/// Block number `index` of the sequence that a seed names; any order, any thread.
class block_generator {
 public:
  explicit block_generator(std::uint64_t seed) : seed_(seed) {}

  test_block operator()(std::uint64_t index) const {
    bit_source random = source(index);
    return make(random, draw_class(random));
  }

  /// The same, of one class.
  test_block operator()(std::uint64_t index, block_class kind) const {
    bit_source random = source(index);
    return make(random, kind);
  }

  /// A 16x16 tile: row 0 is block `index`, the other rows sit on the same scale's ties.
  test_tile tile(std::uint64_t index) const {
    bit_source random = source(index);
    test_block const first = make(random, draw_class(random));
    test_tile result{first.amax, {}};
    result.values[0] = first.values;
    std::uint32_t const b = amax_of(first.values);
    std::uint32_t const encode = encode_scale(first.amax, b);
    for (std::size_t row = 1; row != 16; ++row) {
      fill_ties(random, result.values[row], is_infinite(b) ? largest_bits : b, encode);
    }
    // The row with the maximum changes place, so that no row is special to an implementation.
    std::swap(result.values[0], result.values[random.below(16)]);
    return result;
  }

  /// Sixteen random words of `bits` bits each for block `index`, extremes among them.
  sixteen words(std::uint64_t index, int bits) const {
    bit_source random(source(index).next() ^ 0xA5A5A5A5A5A5A5A5U);
    sixteen result{};
    std::uint32_t const mask = (std::uint32_t{1} << bits) - 1;
    for (std::uint32_t& word : result) {
      std::uint32_t const choice = random.below(8);
      auto const drawn = static_cast<std::uint32_t>(random.next() >> 40);
      word = choice == 0 ? 0 : (choice == 1 ? mask : drawn & mask);
    }
    return result;
  }

 private:
  bit_source source(std::uint64_t index) const {
    bit_source mixer(seed_ ^ (index * 0xD1342543DE82EF95U));
    return bit_source(mixer.next());
  }

  static block_class draw_class(bit_source& random) {
    constexpr std::array<std::uint32_t, 11> percent{10, 10, 18, 20, 14, 4, 11, 4, 4, 2, 3};
    std::uint32_t roll = random.below(100);
    std::size_t kind = 0;
    while (roll >= percent[kind])
      roll -= percent[kind++];
    return static_cast<block_class>(kind);
  }

  static std::uint32_t step(std::uint32_t bits, int ulps) {
    return static_cast<std::uint32_t>(static_cast<std::int64_t>(bits) + ulps);
  }

  static int nudge(bit_source& random) { return static_cast<int>(random.below(3)) - 1; }

  static std::uint32_t with_sign(bit_source& random, std::uint32_t bits) {
    return bits | (random.below(2) != 0 ? sign_mask : 0);
  }

  static std::uint32_t power_of_two(int exponent) {
    return round_to_binary32(false, std::uint64_t{1}, exponent);
  }

  /// A magnitude at most b, a few binades below it more often than many.
  static std::uint32_t at_most(bit_source& random, std::uint32_t b) {
    if (b == 0)
      return 0;
    std::uint32_t const drops = static_cast<std::uint32_t>(std::countr_zero(random.next() | 256U));
    std::uint64_t const span = std::uint64_t{1} << 23;
    std::uint64_t const down = drops * span + (random.next() & (span - 1));
    return down >= b ? static_cast<std::uint32_t>(random.next() % b)
                     : static_cast<std::uint32_t>(b - down);
  }

  static std::uint32_t structured_amax(bit_source& random) {
    // 6, 3, 0.375, 2688, 1, 7.5, 448, 0.0625, 0.8125, 16
    constexpr std::array<std::uint32_t, 10> listed{
        0x40C00000U, 0x40400000U, 0x3EC00000U, 0x45280000U, 0x3F800000U,
        0x40F00000U, 0x43E00000U, 0x3D800000U, 0x3F500000U, 0x41800000U};
    if (random.below(2) != 0)
      return random.pick(listed);
    std::uint64_t const odd = 2 * random.below(32) + 1;
    return round_to_binary32(false, odd, static_cast<int>(random.below(40)) - 24);
  }

  static std::uint32_t extreme_amax(bit_source& random) {
    std::uint32_t const choice = random.below(8);
    if (choice < 3) {  // one of the 23 subnormal binades
      std::uint32_t const top = std::uint32_t{1} << random.below(23);
      return top | (static_cast<std::uint32_t>(random.next()) & (top - 1));
    }
    if (choice == 3) {  // where 2688 / A overflows: below about 7.9e-36
      std::uint32_t const edge = ieee::divide(from_integer(2688), largest_bits);
      return step(edge, static_cast<int>(random.below(9)) - 4);
    }
    if (choice == 4) {  // 1e-38, the least normal number and its neighbours, up to 2^-100
      constexpr std::array<std::uint32_t, 4> small{0x006CE3EEU, 0x00800000U, 0x007FFFFFU,
                                                   0x00800001U};
      if (random.below(2) != 0)
        return random.pick(small);
      return 0x00800000U + (static_cast<std::uint32_t>(random.next()) & 0x0CFFFFFFU);
    }
    // The largest numbers, fp16's and bf16's largest, and where q * A overflows
    constexpr std::array<std::uint32_t, 6> large{0x7F7FFFFFU, 0x477FE000U, 0x7F7F0000U,
                                                 0x7F7FFFFEU, 0x7B124924U, 0x7B124925U};
    if (choice < 7)
      return random.pick(large);
    return 0x78000000U + (static_cast<std::uint32_t>(random.next()) & 0x077FFFFFU);
  }

  static std::uint32_t any_amax(bit_source& random) {
    if (random.below(2) != 0)
      return structured_amax(random);
    return 0x30000000U + (static_cast<std::uint32_t>(random.next()) & 0x1FFFFFFFU);
  }

  /// A block maximum whose scale is on (or one step beside) a random E4M3 midpoint.
  static std::uint32_t scale_tie(bit_source& random, std::uint32_t amax) {
    table const& scales = table_of(e4m3);
    std::size_t const index = random.below(static_cast<std::uint32_t>(scales.size() - 1));
    dyadic middle = combine_magnitudes(scales.magnitude(index), scales.magnitude(index + 1), false);
    --middle.exponent;
    std::uint32_t const target = round_to_binary32(middle);
    // Either the number that gives the tie in exact arithmetic, or the one by the stated order.
    tensor_scales const tensor = scales_of(amax);
    std::uint32_t b = ieee::divide(target, tensor.multiplier);
    if (random.below(2) != 0) {
      b = ieee::divide(ieee::multiply(target, from_integer(6)), tensor.encode);
    }
    if (random.below(2) != 0) {
      for (int const ulps : {0, -1, 1, -2, 2}) {
        if (ieee::multiply(step(b, ulps), tensor.multiplier) == target)
          return step(b, ulps);
      }
    }
    return b < 2 ? b : step(b, nudge(random));
  }

  static std::uint32_t encode_scale(std::uint32_t amax, std::uint32_t block_amax) {
    trace steps;
    block_scale(block_amax, scales_of(amax), steps);
    return steps.encode;
  }

  /// Elements on or one step beside the E2M1 midpoints of a scale, none above b.
  static void fill_ties(bit_source& random, sixteen& values, std::uint32_t b,
                        std::uint32_t encode) {
    // 0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5
    constexpr std::array<std::uint32_t, 7> middles{
        0x3E800000U, 0x3F400000U, 0x3FA00000U, 0x3FE00000U, 0x40200000U, 0x40600000U, 0x40A00000U};
    std::array<std::uint32_t, 7> origins{};
    std::uint32_t usable = 0;
    for (std::uint32_t const middle : middles) {
      origins[usable] = ieee::divide(middle, encode);
      if (origins[usable] >= b)
        break;
      ++usable;
    }
    for (std::uint32_t& value : values) {
      std::uint32_t magnitude = at_most(random, b);
      if (usable != 0 && random.below(8) != 0) {
        std::uint32_t const origin = origins[random.below(usable)];
        magnitude = std::min(origin == 0 ? 1U : step(origin, nudge(random)), b);
      }
      value = with_sign(random, magnitude);
    }
  }

  static void fill_random(bit_source& random, sixteen& values, std::uint32_t b) {
    for (std::uint32_t& value : values)
      value = with_sign(random, at_most(random, b));
  }

  static void place(bit_source& random, sixteen& values, std::uint32_t b) {
    values[random.below(16)] = with_sign(random, b);
  }

  static test_block make(bit_source& random, block_class kind) {
    test_block result{kind, 0, {}};
    switch (kind) {
      case block_class::generic: {
        result.amax = any_amax(random);
        std::uint32_t const b = at_most(random, result.amax);
        fill_random(random, result.values, b);
        place(random, result.values, b);
        break;
      }
      case block_class::bf16_grid: {
        result.amax = structured_amax(random);
        for (std::uint32_t& value : result.values) {
          value = with_sign(random, at_most(random, result.amax)) & 0xFFFF0000U;
        }
        break;
      }
      case block_class::scale_tie: {
        result.amax = any_amax(random);
        std::uint32_t const b = scale_tie(random, result.amax);
        fill_random(random, result.values, b);
        place(random, result.values, b);
        break;
      }
      case block_class::element_tie: {
        result.amax = any_amax(random);
        std::uint32_t const b = at_most(random, result.amax);
        tie_elements(random, result, b);
        break;
      }
      case block_class::double_tie: {
        result.amax = any_amax(random);
        tie_elements(random, result, scale_tie(random, result.amax));
        break;
      }
      case block_class::hard_amax: {
        std::uint32_t const significand = random.pick(hard_significands);
        int const exponent = static_cast<int>(random.below(60)) - 52;
        result.amax = round_to_binary32(false, std::uint64_t{significand}, exponent);
        tie_elements(random, result, scale_tie(random, result.amax));
        break;
      }
      case block_class::extreme_amax: {
        result.amax = extreme_amax(random);
        bool const tied = random.below(2) != 0;
        std::uint32_t b = tied ? scale_tie(random, result.amax) : at_most(random, result.amax);
        if (random.below(8) == 0)
          b = result.amax;
        tie_elements(random, result, std::min(b, largest_bits));
        break;
      }
      case block_class::stale_amax: {
        result.amax = any_amax(random);
        std::uint32_t const up = random.below(1U << (random.below(26) + 1)) + 1;
        tie_elements(random, result, std::min(result.amax + up, largest_bits));
        break;
      }
      case block_class::tiny_block: {
        result.amax = any_amax(random);
        std::uint32_t const least = power_of_two(-10);
        std::uint32_t const edge = ieee::divide(least, scales_of(result.amax).multiplier);
        std::uint32_t const b =
            random.below(2) != 0 ? step(edge, nudge(random)) : at_most(random, edge);
        tie_elements(random, result, b);
        break;
      }
      case block_class::both_maps_exact: {
        // amax 6 * 2^k under either bound, b = 6 * 2^j: 6, 3, 1.5 and 4, 2, 1 both hit the data.
        int const exponent = static_cast<int>(random.below(30)) - 15;
        result.amax = round_to_binary32(false, std::uint64_t{6}, exponent);
        int const lower = exponent - static_cast<int>(random.below(7));
        for (std::uint32_t& value : result.values) {
          std::uint64_t const size = random.pick(std::array<std::uint64_t, 4>{0, 6, 3, 6});
          value = with_sign(random, round_to_binary32(false, size, lower));
        }
        place(random, result.values, round_to_binary32(false, std::uint64_t{6}, lower));
        break;
      }
      case block_class::special_values: {
        make_special(random, result);
        break;
      }
    }
    return result;
  }

  static void tie_elements(bit_source& random, test_block& into, std::uint32_t b) {
    fill_ties(random, into.values, b, encode_scale(into.amax, b));
    place(random, into.values, b);
  }

  static void make_special(bit_source& random, test_block& into) {
    // Zeros, infinities, quiet and signalling NaN of both signs, the least subnormals.
    constexpr std::array<std::uint32_t, 10> odd_ones{
        0x00000000U, 0x80000000U, 0x7F800000U, 0xFF800000U, 0x7FC00000U,
        0xFFC00000U, 0x7F800001U, 0xFF800001U, 0x00000001U, 0x80000001U};
    constexpr std::array<std::uint32_t, 4> odd_amaxes{0x00000000U, 0x7F800000U, 0x7FC00000U,
                                                      0x00000001U};
    std::uint32_t const choice = random.below(4);
    into.amax = choice == 0 ? random.pick(odd_amaxes) : any_amax(random);
    if (choice == 1) {  // zeros only
      for (std::uint32_t& value : into.values)
        value = with_sign(random, 0);
      return;
    }
    if (choice == 2) {  // one kind throughout
      into.values.fill(random.pick(odd_ones));
      return;
    }
    std::uint32_t const b = is_nan(into.amax) ? one_bits : at_most(random, into.amax);
    fill_random(random, into.values, std::min(b, largest_bits));
    std::uint32_t const count = random.below(4) + 1;
    for (std::uint32_t spoiled = 0; spoiled != count; ++spoiled) {
      into.values[random.below(16)] = random.pick(odd_ones);
    }
  }

  std::uint64_t seed_;
};

}  // namespace oracle
