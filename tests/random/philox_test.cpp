// SPDX-License-Identifier: Apache-2.0
// Philox against Random123's known answers, and its counters against each other.
// runs: host device
#include <nibble/random/philox.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "oracle/golden_philox.hpp"
#include "oracle/philox.hpp"
#include "support/everywhere.hpp"

using nibble::random::philox4x32;
using nibble::random::words;

static_assert(nibble::random::source<philox4x32<>> && nibble::random::source<philox4x32<7>>);
static_assert(philox4x32<>{}.seed == 0 && philox4x32<>{}.stream == 0);

namespace {

constexpr std::uint64_t joined(std::uint32_t low, std::uint32_t high) {
  return low | static_cast<std::uint64_t>(high) << 32;
}

template <int Rounds>
constexpr bool answers(golden::philox_answer const& row) {
  philox4x32<Rounds> const source{joined(row.key[0], row.key[1]),
                                  joined(row.counter[2], row.counter[3])};
  words const drawn = source(joined(row.counter[0], row.counter[1]));
  return drawn.value[0] == row.words[0] && drawn.value[1] == row.words[1] &&
         drawn.value[2] == row.words[2] && drawn.value[3] == row.words[3];
}

constexpr bool known_answers() {
  for (auto const& row : golden::philox_answers) {
    if (!(row.rounds == 10 ? answers<10>(row) : answers<7>(row))) {
      return false;
    }
  }
  return true;
}
static_assert(known_answers());

/// One row of known answers as a functor, so that a device computes it as well.
template <int Rounds>
struct row_answers {
  std::uint64_t seed, stream, call;
  std::uint32_t expected[4];
  NIBBLE_HD bool operator()(std::uint64_t i) const {
    return philox4x32<Rounds>{seed, stream}(call).value[i] == expected[i];
  }
};

template <int Rounds>
std::uint64_t wrong_words(golden::philox_answer const& row) {
  return everywhere::sweep(
      4, row_answers<Rounds>{joined(row.key[0], row.key[1]),
                             joined(row.counter[2], row.counter[3]),
                             joined(row.counter[0], row.counter[1]),
                             {row.words[0], row.words[1], row.words[2], row.words[3]}});
}

}  // namespace

TEST_CASE("Random123's known answers at 10 and at 7 rounds") {
  CHECK(known_answers());
  for (auto const& row : golden::philox_answers) {
    CHECK((row.rounds == 10 ? wrong_words<10>(row) : wrong_words<7>(row)) == 0);
  }
}

TEST_CASE("any seed, stream and call, high halves too, at any number of rounds") {
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 0; i != 10000; ++i) {
    std::uint64_t const seed = i * 0x9E37'79B9'7F4A'7C15u;
    std::uint64_t const stream = (seed ^ i) * 0xBF58'476D'1CE4'E5B9u;
    std::uint64_t const call = (stream ^ seed) * 0x94D0'49BB'1331'11EBu;
    auto const low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    auto const expected =
        oracle::philox4x32({low(call), low(call >> 32), low(stream), low(stream >> 32)},
                           {low(seed), low(seed >> 32)}, 10);
    auto const drawn = philox4x32<>{seed, stream}(call);
    wrong += !std::equal(expected.begin(), expected.end(), drawn.value);
  }
  CHECK(wrong == 0);
  CHECK(philox4x32<1>{5, 0}(1).value[0] == 5);
}

// bugs: F9
TEST_CASE("different calls and streams of one seed never give the same four words") {
  // Under one key the map from counters to words is a bijection; here for 2^16 neighbours.
  std::vector<std::array<std::uint32_t, 4>> drawn;
  for (std::uint64_t stream = 0; stream != 64; ++stream) {
    for (std::uint64_t call = 0; call != 1024; ++call) {
      auto const w =
          philox4x32<7>{42, stream << (stream % 2 != 0 ? 32 : 0)}(call << (call % 3 * 20));
      drawn.push_back({w.value[0], w.value[1], w.value[2], w.value[3]});
    }
  }
  std::sort(drawn.begin(), drawn.end());
  std::size_t const distinct =
      static_cast<std::size_t>(std::unique(drawn.begin(), drawn.end()) - drawn.begin());
  // Call 0 is the same call whatever it was shifted by; so is stream 0.
  CHECK(distinct == 64u * 1024u);
}
