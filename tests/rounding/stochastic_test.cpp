// SPDX-License-Identifier: Apache-2.0
// Stochastic rounding is a function of the value and the word: shown by counting words, without
// statistics.
// runs: host device
#include <nibble/rounding/stochastic.hpp>

#include <doctest/doctest.h>

#include <utility>

#include "oracle/golden_stochastic.hpp"
#include "oracle/philox.hpp"
#include "support/everywhere.hpp"
#include "support/rounding_laws.hpp"
#include "support/witness.hpp"

using nibble::rounding::stochastic;

static_assert(nibble::rounding::policy<stochastic<>> && stochastic<>::is_stochastic);
static_assert(sizeof(stochastic<>) == 16);
static_assert(std::is_same_v<stochastic<>, stochastic<8, nibble::random::philox4x32<10>>>);

namespace {

/// Of all 2^Bits words exactly `away` round to `high`, the others to `low`.
template <class T, int Bits>
struct counted {
  float value;
  std::uint32_t low;
  std::uint32_t high;
  std::uint64_t away;

  NIBBLE_HD bool operator()(std::uint64_t word) const {
    bool const goes_up = word >= (std::uint64_t{1} << Bits) - away;
    auto const random = static_cast<std::uint32_t>(word);
    return stochastic<Bits>::template round<T>(value, random).bits() == (goes_up ? high : low);
  }
};

/// Every word of Bits bits where that is quick, otherwise those around the step from low to high:
/// growth with the word, which is one of the laws, settles the rest.
template <class T, int Bits>
std::uint64_t miscounted(float value) {
  auto const& table = witness::table<T::format>();
  auto const exact = witness::exactly(value);
  counted<T, Bits> const check{value, table.encode(exact, oracle::direction::toward_zero),
                               table.encode(exact, oracle::direction::upward),
                               table.discarded_fraction(exact, Bits)};
  std::uint64_t const words = std::uint64_t{1} << Bits;
  if (Bits <= 8) {
    return everywhere::host_sweep(words, check);
  }
  std::uint64_t wrong = 0;
  for (std::uint64_t const center : {std::uint64_t{0}, words / 2, words - check.away, words}) {
    for (std::uint64_t word = center < 64 ? 0 : center - 64; word < center + 64 && word < words;
         ++word) {
      wrong += !check(word);
    }
  }
  return wrong;
}

template <class T, int Bits>
std::uint64_t miscounted_over_hard_floats() {
  std::uint64_t wrong = 0;
  for (float const value : witness::hard_floats(witness::table<T::format>())) {
    wrong += miscounted<T, Bits>(value);
  }
  for (std::uint32_t i = 0; i != 4000; ++i) {  // within a step, and across the edges of binades
    wrong += miscounted<T, Bits>(laws::rounding<T, stochastic<Bits>>::number(2 * i));
    wrong += miscounted<T, Bits>(static_cast<float>(i) / 512 * (i % 2 != 0 ? -0.7f : 1.1f));
  }
  return wrong;
}

template <std::size_t Piece>
consteval bool golden_piece() {
  for (std::size_t i = Piece; i < golden::stochastic_roundings.size(); i += 64) {
    auto const& row = golden::stochastic_roundings[i];
    float const value = __builtin_bit_cast(float, row.bits);
    std::uint32_t const away = row.away_from_zero >> 16;
    std::uint32_t const last_down = 0xFF - away;  // of 256 words
    auto const down = stochastic<8>::round<nibble::fp4_e2m1>(value, last_down);
    auto const up = stochastic<8>::round<nibble::fp4_e2m1>(value, last_down + 1);
    if (down.bits() != row.low || (away > 0 && up.bits() != row.high)) {
      return false;
    }
  }
  return true;
}
template <std::size_t... Pieces>
consteval bool golden_all(std::index_sequence<Pieces...>) {
  return (std::bool_constant<golden_piece<Pieces>()>::value && ...);
}
#if !defined(__CUDACC__)
static_assert(golden_all(std::make_index_sequence<64>{}));
#endif

template <class T, int Bits>
std::uint64_t violations() {
  return everywhere::sweep(1 << 18, laws::rounding<T, stochastic<Bits>>{});
}

/// A row of N elements is each of them rounded by the word of its place, at compile time too.
template <int Bits, std::size_t N>
constexpr bool draws_its_places(std::uint64_t start) {
  nibble::random::philox4x32<> const source{3, 4};
  std::uint32_t words[N]{};
  nibble::random::fill<Bits>(source, start, words);
  return laws::encodes_each<nibble::fp4_e2m1>(stochastic<Bits>{source}, start, words) &&
         laws::encodes_each<nibble::fp6_e2m3>(stochastic<Bits>{source}, start, words);
}
static_assert(draws_its_places<8, 16>(32) && draws_its_places<16, 17>(5));

}  // namespace

TEST_CASE("stochastic keeps the laws of rounding at every width") {
  CHECK(violations<nibble::fp4_e2m1, 8>() == 0);
  CHECK(violations<nibble::fp4_e2m1, 16>() == 0);
  CHECK(violations<nibble::fp4_e2m1, 24>() == 0);
  CHECK(violations<nibble::fp6_e2m3, 8>() == 0);
  CHECK(violations<nibble::fp6_e3m2, 16>() == 0);
  CHECK(violations<nibble::fp8_e4m3, 24>() == 0);
  CHECK(violations<nibble::fp8_e5m2, 8>() == 0);
}

// bugs: F13
TEST_CASE("golden rows: of all words floor(2^Bits f) round away, counted one by one") {
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < golden::stochastic_roundings.size(); ++i) {
    auto const& row = golden::stochastic_roundings[i];
    float const value = std::bit_cast<float>(row.bits);
    counted<nibble::fp4_e2m1, 8> const at8{value, row.low, row.high, row.away_from_zero >> 16};
    counted<nibble::fp4_e2m1, 16> const at16{value, row.low, row.high, row.away_from_zero >> 8};
    for (std::uint64_t word = 0; word != 1u << 8; ++word) {
      wrong += !at8(word);
    }
    for (std::uint64_t word = 0; word != 1u << 16; ++word) {
      wrong += !at16(word);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("24 bits: all 2^24 words of a few golden rows, on host and device") {
  for (std::size_t i = 5; i < golden::stochastic_roundings.size(); i += 301) {
    auto const& row = golden::stochastic_roundings[i];
    counted<nibble::fp4_e2m1, 24> const check{std::bit_cast<float>(row.bits), row.low, row.high,
                                              row.away_from_zero};
    CHECK(everywhere::sweep(std::uint64_t{1} << 24, check) == 0);
  }
}

TEST_CASE("every format counts as exact fractions do, across the edges of binades too") {
  CHECK(miscounted_over_hard_floats<nibble::fp4_e2m1, 8>() == 0);
  CHECK(miscounted_over_hard_floats<nibble::fp4_e2m1, 16>() == 0);
  CHECK(miscounted_over_hard_floats<nibble::fp4_e2m1, 24>() == 0);
  CHECK(miscounted_over_hard_floats<nibble::fp6_e2m3, 16>() == 0);
  CHECK(miscounted_over_hard_floats<nibble::fp6_e3m2, 24>() == 0);
  CHECK(miscounted_over_hard_floats<nibble::fp8_e4m3, 8>() == 0);
  CHECK(miscounted_over_hard_floats<nibble::fp8_e4m3, 16>() == 0);
  CHECK(miscounted_over_hard_floats<nibble::fp8_e5m2, 24>() == 0);
}

TEST_CASE("a row draws the words of its positions, from any start") {
  for (std::uint64_t const at : {0u, 5u, 16u, 47u}) {
    CHECK((draws_its_places<8, 1>(at) && draws_its_places<8, 15>(at) && draws_its_places<8, 16>(at)));
    CHECK((draws_its_places<8, 17>(at) && draws_its_places<16, 32>(at) && draws_its_places<24, 9>(at)));
  }
  constexpr std::uint64_t seed = 0x0123'4567'89AB'CDEFu;
  constexpr std::uint64_t stream = 0xFEDC'BA98'7654'3210u;
  for (std::uint64_t const start : {0u, 1u, 7u, 16u, 1000003u}) {
    std::uint32_t words8[16];
    std::uint32_t words16[16];
    std::uint32_t words24[16];
    for (std::uint64_t i = 0; i != 16; ++i) {
      words8[i] = oracle::random_word(seed, stream, start + i, 8);
      words16[i] = oracle::random_word(seed, stream, start + i, 16);
      words24[i] = oracle::random_word(seed, stream, start + i, 24);
    }
    CHECK(laws::encodes_one_by_one(stochastic<8>{{seed, stream}}, start, words8));
    CHECK(laws::encodes_one_by_one(stochastic<16>{{seed, stream}}, start, words16));
    CHECK(laws::encodes_one_by_one(stochastic<24>{{seed, stream}}, start, words24));
  }
}
