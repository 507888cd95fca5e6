// SPDX-License-Identifier: Apache-2.0
// Philox4x32 and the rule by which an element of a matrix finds its random word, written again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace oracle {

using four_words = std::array<std::uint32_t, 4>;
using two_words = std::array<std::uint32_t, 2>;

constexpr four_words philox4x32(four_words counter, two_words key, int rounds) {
  for (int round = 0; round != rounds; ++round) {
    std::uint64_t const even = std::uint64_t{0xD2511F53U} * counter[0];
    std::uint64_t const odd = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {static_cast<std::uint32_t>(odd >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(odd),
               static_cast<std::uint32_t>(even >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(even)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

/// The random word of `bits` (8, 16 or 24) bits that element `position` of a matrix draws: key is
/// the seed, counter is (position / elements of one call, stream), each low word first.
constexpr std::uint32_t random_word(std::uint64_t seed, std::uint64_t stream,
                                    std::uint64_t position, int bits, int rounds = 10) {
  if (bits != 8 && bits != 16 && bits != 24)
    std::abort();
  std::uint64_t const elements = bits == 8 ? 16 : (bits == 16 ? 8 : 4);
  std::uint64_t const call = position / elements;
  std::uint64_t const element = position % elements;
  auto const low = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
  auto const high = [](std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); };
  four_words const drawn = philox4x32({low(call), high(call), low(stream), high(stream)},
                                      {low(seed), high(seed)}, rounds);
  std::uint64_t const in_word = elements / 4;
  std::uint32_t const word = drawn[element / in_word];
  std::uint32_t const mask = (std::uint32_t{1} << bits) - 1;
  return (word >> (element % in_word * static_cast<std::uint64_t>(bits))) & mask;
}

}  // namespace oracle
