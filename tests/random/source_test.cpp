// SPDX-License-Identifier: Apache-2.0
// How elements find their random bits: by their index alone, wherever a row starts.
// runs: host device
#include <nibble/random/source.hpp>

#include <doctest/doctest.h>

#include <nibble/random/philox.hpp>

#include "oracle/philox.hpp"
#include "support/everywhere.hpp"

namespace random_ = nibble::random;

namespace {

struct drawing {
  int operator()(std::uint64_t) const;
};
struct throwing {
  random_::words operator()(std::uint64_t) const;
};
struct counting {  // call n yields bytes that name the call and their place in it
  NIBBLE_HD constexpr random_::words operator()(std::uint64_t call) const noexcept {
    auto const c = static_cast<std::uint32_t>(call) << 4;
    random_::words w{};
    for (std::uint32_t i = 0; i != 4; ++i) {
      w.value[i] =
          (c | 4 * i) | (c | 4 * i | 1) << 8 | (c | 4 * i | 2) << 16 | (c | 4 * i | 3) << 24;
    }
    return w;
  }
};
static_assert(random_::source<counting>);
static_assert(!random_::source<drawing> && !random_::source<throwing> && !random_::source<int>);

constexpr bool lowest_byte_first() {
  std::uint32_t drawn[40]{};
  random_::fill<8>(counting{}, 3, drawn);
  for (std::uint32_t i = 0; i != 40; ++i) {
    if (drawn[i] != i + 3) {
      return false;
    }
  }
  return true;
}
static_assert(lowest_byte_first());

/// A row of N elements from an index equals drawing each element for itself.
template <int Bits, std::size_t N>
NIBBLE_HD bool is_drawn_one_by_one(random_::philox4x32<7> const& source, std::uint64_t index) {
  std::uint32_t row[N]{};
  random_::fill<Bits>(source, index, row);
  for (std::uint64_t i = 0; i != N; ++i) {
    std::uint32_t one[1]{};
    random_::fill<Bits>(source, index + i, one);
    if (one[0] != row[i] || row[i] >> Bits != 0) {
      return false;
    }
  }
  return true;
}

/// Rows of whole calls and others, from any index and from the first of a call.
template <int Bits>
struct same_from_any_start {
  NIBBLE_HD bool operator()(std::uint64_t start) const {
    random_::philox4x32<7> const source{start / 16, 9};
    std::uint64_t const index = start * 0x1'0000'0001u;
    return is_drawn_one_by_one<Bits, 37>(source, index) &&
           is_drawn_one_by_one<Bits, 32>(source, index) &&
           is_drawn_one_by_one<Bits, 32>(source, index & ~std::uint64_t{15});
  }
};

/// A row of N elements from the first of a call, and what lies behind it.
template <int Bits, std::size_t N>
bool writes_the_row_alone() {
  struct {
    std::uint32_t row[N]{};
    std::uint32_t behind[32]{};
  } drawn;
  random_::fill<Bits>(random_::philox4x32<>{1234, 77}, 4096, drawn.row);
  for (std::uint64_t i = 0; i != N; ++i) {
    if (drawn.row[i] != oracle::random_word(1234, 77, 4096 + i, Bits)) return false;
  }
  for (std::uint32_t const word : drawn.behind) {
    if (word != 0) return false;
  }
  return true;
}

template <int Bits>
std::uint32_t unlike_the_oracle() {
  std::uint32_t wrong = 0;
  for (std::uint64_t start = 0; start != 100; ++start) {
    std::uint64_t const index = start << (start % 3 * 16);
    std::uint32_t row[20]{};
    random_::fill<Bits>(random_::philox4x32<>{1234, 77}, index, row);
    for (std::uint64_t i = 0; i != 20; ++i) {
      wrong += row[i] != oracle::random_word(1234, 77, index + i, Bits);
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("a row from any start is its elements drawn one by one") {
  CHECK(everywhere::sweep(2000, same_from_any_start<8>{}) == 0);
  CHECK(everywhere::sweep(2000, same_from_any_start<16>{}) == 0);
  CHECK(everywhere::sweep(2000, same_from_any_start<24>{}) == 0);
}

TEST_CASE("each element draws the word that the rule names") {
  CHECK(unlike_the_oracle<8>() == 0);
  CHECK(unlike_the_oracle<16>() == 0);
  CHECK(unlike_the_oracle<24>() == 0);
}

TEST_CASE("nothing behind a row is written, whatever its length") {
  CHECK((writes_the_row_alone<8, 15>() && writes_the_row_alone<8, 16>() && writes_the_row_alone<8, 17>()));
  CHECK((writes_the_row_alone<8, 30>() && writes_the_row_alone<8, 32>() && writes_the_row_alone<8, 34>()));
  CHECK((writes_the_row_alone<16, 9>() && writes_the_row_alone<16, 16>() && writes_the_row_alone<24, 5>()));
}

TEST_CASE("equal sources yield equal words, each time they are asked") {
  random_::philox4x32<> const first{1, 2};
  random_::philox4x32<> const second = first;
  for (std::uint64_t call = 0; call != 100; ++call) {
    for (int i = 0; i != 4; ++i) {
      CHECK(first(call).value[i] == second(call).value[i]);
    }
  }
}
