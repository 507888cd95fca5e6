// SPDX-License-Identifier: Apache-2.0
// The primitive roundings. Each answers one question: a number lies between two neighbouring codes;
// does its magnitude go to the upper one? The policies of rounding/ name them.
#pragma once

#include "nibble/detail/std.hpp"

namespace nibble::format {

/// What is left of a number once the lower neighbour is taken away.
struct remainder {
  bool is_odd;             // the lower neighbour's code is odd
  std::uint64_t fraction;  // distance to it in steps, times 2^64; the last bit is sticky
};

inline constexpr std::uint64_t half_step = std::uint64_t{1} << 63;

/// To the nearer neighbour; a tie goes to the even code.
struct nearest_even {
  NIBBLE_HD static constexpr bool goes_up(remainder r, std::uint32_t = 0) noexcept {
    return r.fraction > half_step || (r.fraction == half_step && r.is_odd);
  }
};

/// To the nearer neighbour; a tie goes away from zero.
struct nearest_away {
  NIBBLE_HD static constexpr bool goes_up(remainder r, std::uint32_t = 0) noexcept {
    return r.fraction >= half_step;
  }
};

/// To the neighbour nearer to zero.
struct toward_zero {
  NIBBLE_HD static constexpr bool goes_up(remainder, std::uint32_t = 0) noexcept { return false; }
};

/// To the neighbour farther from zero, unless the number is exact.
struct away_from_zero {
  NIBBLE_HD static constexpr bool goes_up(remainder r, std::uint32_t = 0) noexcept {
    return r.fraction != 0;
  }
};

/// Up with probability floor(2^Bits fraction) / 2^Bits: the carry out of adding `random` to the top
/// Bits bits of the fraction. Exactly floor(2^Bits fraction) of the 2^Bits random words go up.
template <int Bits>
struct stochastic {
  static_assert(Bits >= 1 && Bits <= 32, "got a bit count outside 1..32; random words have 32");
  NIBBLE_HD static constexpr bool goes_up(remainder r, std::uint32_t random) noexcept {
    constexpr std::uint64_t mask = (std::uint64_t{1} << Bits) - 1u;
    return (((r.fraction >> (64 - Bits)) + (random & mask)) >> Bits) != 0;
  }
};

}  // namespace nibble::format
