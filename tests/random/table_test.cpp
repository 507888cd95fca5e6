// SPDX-License-Identifier: Apache-2.0
// Words drawn beforehand are the words of the source, wherever the drawing begins and however long it is.
#include <nibble/random/table.hpp>

#include <doctest/doctest.h>

#include <vector>

#include <nibble/fp8_e5m2.hpp>
#include <nibble/random/philox.hpp>
#include <nibble/rounding/stochastic.hpp>

using namespace nibble;

static_assert(random::source<random::table>);
static_assert(random::batched_source<random::philox4x32<>>);
static_assert(!random::batched_source<random::table>);

TEST_CASE("many calls at once yield the words of single calls, across 2^32 and at any length") {
  random::philox4x32<> const source{0x0123'4567'89AB'CDEFu, 0xFEDC'BA98'7654'3210u};
  for (std::uint64_t const first : {std::uint64_t{0}, std::uint64_t{5}, (std::uint64_t{1} << 32) - 9,
                                    ~std::uint64_t{0} - 40}) {
    for (std::size_t const count : {1u, 7u, 8u, 9u, 16u, 33u}) {
      std::vector<random::words> drawn(count + 1, random::words{{1, 2, 3, 4}});
      source.calls(first, count, drawn.data());
      random::table const table{drawn.data(), first};
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t word = 0; word < 4; ++word) {
          CHECK(table(first + i).value[word] == source(first + i).value[word]);
        }
      }
      CHECK(drawn[count].value[3] == 4);  // nothing behind the end is written
    }
  }
}

namespace {

/// Philox that remembers how many calls it was last asked for at once.
struct remembering {
  random::philox4x32<> source;
  std::size_t* asked;

  random::words operator()(std::uint64_t call) const noexcept { return source(call); }
  void calls(std::uint64_t first, std::size_t count, random::words* out) const noexcept {
    *asked = count;
    source.calls(first, count, out);
  }
};

/// Rounds `count` elements from every start within a call, by words drawn at once and by words drawn
/// one by one. The storage is as large as calls_for says, and for this count no larger than needed.
template <int Bits>
int differences_of_drawn(std::size_t per_call) {
  std::size_t asked = 0, most = 0;
  rounding::stochastic<Bits, remembering> const rounding{{{7, 9}, &asked}};
  std::size_t const count = per_call + 1, storage_size = rounding.calls_for(count);
  int wrong = 0;
  for (std::uint64_t start = 4096; start != 4096 + per_call; ++start) {
    std::vector<random::words> storage(storage_size);
    auto const drawn = rounding.drawn(start, count, storage.data());
    most = asked > most ? asked : most;
    for (std::uint64_t i = 0; i != count; ++i) {
      float const value[1] = {0.37f * static_cast<float>(i) - 2.9f};
      auto const expected = rounding.template encode<fp8_e5m2>(value, start + i);
      wrong += drawn.template encode<fp8_e5m2>(value, start + i)[0].bits() == expected[0].bits() ? 0 : 1;
    }
  }
  CHECK(most == storage_size);
  return wrong;
}

}  // namespace

TEST_CASE("numbers drawn beforehand fill their storage and no more, at every width and start") {
  CHECK(differences_of_drawn<8>(16) == 0);
  CHECK(differences_of_drawn<16>(8) == 0);
  CHECK(differences_of_drawn<24>(4) == 0);
}

TEST_CASE("rounding with numbers drawn beforehand gives the codes of rounding without") {
  rounding::stochastic<> const rounding{{7, 9}};
  float values[16];
  for (int i = 0; i < 16; ++i) values[i] = 0.37f * static_cast<float>(i) - 2.9f;
  for (std::uint64_t const first : {0u, 16u, 21u, 4095u}) {
    std::vector<random::words> storage(rounding.calls_for(64));
    auto const drawn = rounding.drawn(first, 64, storage.data());
    for (std::uint64_t i = 0; i + 16 <= 64; i += 16) {
      auto const expected = rounding.encode<fp4_e2m1>(values, first + i);
      auto const got = drawn.encode<fp4_e2m1>(values, first + i);
      for (int k = 0; k < 16; ++k) CHECK(got[k].bits() == expected[k].bits());
    }
  }
}
