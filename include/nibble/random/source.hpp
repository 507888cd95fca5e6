// SPDX-License-Identifier: Apache-2.0
// What stochastic rounding asks of a source of random numbers.
#pragma once

#include "nibble/arch/lanes/philox.hpp"

namespace nibble::random {

/// Four random words: what one call of a source yields.
struct words {
  std::uint32_t value[4];
};

/// A source of random numbers without state: call n always yields the same four words, so that any
/// thread can draw any element's bits, in any order, and a stopped run can go on.
///
/// 1. source(n) returns words, for every 64-bit n (checked).
/// 2. Equal sources return equal words; nothing else is read (tested: tests/random/source_test).
/// It does not promise that words of different calls differ.
template <class Source>
concept source = requires(Source const& s, std::uint64_t call) {
  { s(call) }
  noexcept->std::same_as<words>;
};

/// `Bits` random bits for each of N consecutive elements of a matrix, the first at `index`.
///
/// rule    one call serves 128 / Bits elements, and which call an element draws from depends on its
///         index alone: byte i of the little-endian words to element i at 8 bits, half word i at
///         16; at 24 bits the low 24 of each word, so four elements.
/// bits    identical everywhere.
template <int Bits, source Source, std::size_t N>
NIBBLE_HD constexpr void fill(Source const& s, std::uint64_t index,
                              std::uint32_t (&random)[N]) noexcept {
  static_assert(Bits == 8 || Bits == 16 || Bits == 24, "got another width; need 8, 16 or 24 bits");
  constexpr std::uint64_t per_word = 32 / Bits;
  constexpr std::uint64_t per_call = 4 * per_word;
#if NIBBLE_HAS_LANES
  if constexpr (Bits == 8 && N % 16 == 0) {
    if (!detail::constant_evaluated() && index % 16 == 0) {
      for (std::size_t i = 0; i < N; i += 16) {
        arch::lanes::spread_bytes(s((index + i) / 16).value, random + i);
      }
      return;
    }
  }
#endif
  if constexpr (N % per_call ==
                0) {  // whole calls: places known beforehand, so a GPU keeps registers
    if (index % per_call == 0) {
      for (std::size_t first = 0; first < N; first += per_call) {
        words const drawn = s((index + first) / per_call);
        for (std::size_t i = 0; i < per_call; ++i) {
          random[first + i] =
              (drawn.value[i / per_word] >> (Bits * (i % per_word))) & ((1u << Bits) - 1u);
        }
      }
      return;
    }
  }
  words drawn = s(index / per_call);
  for (std::size_t i = 0; i < N; ++i) {
    std::uint64_t const element = index + i;
    std::uint64_t const lane = element % per_call;
    if (lane == 0 && i > 0) drawn = s(element / per_call);
    random[i] = (drawn.value[lane / per_word] >> (Bits * (lane % per_word))) & ((1u << Bits) - 1u);
  }
}

}  // namespace nibble::random
