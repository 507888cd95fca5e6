// SPDX-License-Identifier: Apache-2.0
// The primitive roundings on fractions around the half, odd and even lower neighbours.
// runs: host device
#include <doctest/doctest.h>

#include <nibble/format/rounding_rule.hpp>

#include "support/everywhere.hpp"

namespace format = nibble::format;
using format::half_step;

namespace {

/// Of all words of Bits bits, exactly the top `fraction` ones carry: checked word by word.
template <int Bits>
struct carries {
  std::uint64_t fraction;
  NIBBLE_HD bool operator()(std::uint64_t word) const {
    std::uint64_t const up = fraction >> (64 - Bits);
    bool const expected = word >= (std::uint64_t{1} << Bits) - up;
    // Bits above the low Bits of the word must not count.
    auto const random = static_cast<std::uint32_t>(word | (Bits < 32 ? ~0ull << Bits : 0));
    return format::stochastic<Bits>::goes_up(format::remainder{false, fraction}, random) ==
               expected &&
           format::stochastic<Bits>::goes_up(format::remainder{true, fraction},
                                             static_cast<std::uint32_t>(word)) == expected;
  }
};

struct nearest {
  NIBBLE_HD bool operator()(std::uint64_t i) const {
    bool const odd = i % 2 != 0;
    std::uint64_t const fraction = half_step + i / 2 - 8;
    format::remainder const r{odd, fraction};
    return format::nearest_even::goes_up(r) == (i / 2 > 8 || (i / 2 == 8 && odd)) &&
           format::nearest_away::goes_up(r) == (i / 2 >= 8) && !format::toward_zero::goes_up(r) &&
           format::away_from_zero::goes_up(r);
  }
};

}  // namespace

TEST_CASE("around the half each rule decides as its name says") {
  CHECK(everywhere::sweep(32, nearest{}) == 0);
}

TEST_CASE("no rule moves an exact number") {
  for (bool const odd : {false, true}) {
    format::remainder const exact{odd, 0};
    CHECK_FALSE(format::nearest_even::goes_up(exact));
    CHECK_FALSE(format::nearest_away::goes_up(exact));
    CHECK_FALSE(format::away_from_zero::goes_up(exact));
    CHECK_FALSE(format::stochastic<8>::goes_up(exact, 0xFFFFFFFF));
    CHECK_FALSE(format::stochastic<32>::goes_up(exact, 0xFFFFFFFF));
  }
  CHECK(format::away_from_zero::goes_up(format::remainder{false, 1}));
}

TEST_CASE("stochastic rounding goes up for exactly floor(2^Bits fraction) of all words") {
  for (std::uint64_t const fraction :
       {std::uint64_t{0}, std::uint64_t{1}, half_step - 1, half_step, half_step + 1, half_step / 3,
        (std::uint64_t{1} << 56) - 1, std::uint64_t{1} << 56, ~std::uint64_t{0}}) {
    CHECK(everywhere::sweep(std::uint64_t{1} << 1, carries<1>{fraction}) == 0);
    CHECK(everywhere::sweep(std::uint64_t{1} << 8, carries<8>{fraction}) == 0);
    CHECK(everywhere::sweep(std::uint64_t{1} << 16, carries<16>{fraction}) == 0);
    CHECK(everywhere::sweep(std::uint64_t{1} << 24, carries<24>{fraction}) == 0);
  }
}
