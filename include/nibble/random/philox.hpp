// SPDX-License-Identifier: Apache-2.0
// Philox4x32, a counter-based generator: a keyed bijection of 128-bit counters.
#pragma once

#include "nibble/random/source.hpp"

namespace nibble::random {

/// What is added to word 0 or 1 of a key from round to round: of the golden ratio, of sqrt(3) - 1.
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t philox_step(int word) noexcept {
  return word == 0 ? 0x9E37'79B9u : 0xBB67'AE85u;
}

/// The rounds of Philox4x32 under any schedule of keys: key(round, word).
template <int Rounds, class Key>
[[nodiscard]] NIBBLE_HD constexpr words philox_rounds(std::uint64_t call, std::uint64_t stream,
                                                      Key const& key) noexcept {
  auto const low = [](std::uint64_t word) { return static_cast<std::uint32_t>(word); };
  auto const high = [](std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); };
  auto const wide = [](std::uint32_t a, std::uint32_t b) -> std::uint64_t {
#if NIBBLE_HAS_DEVICE
    if (!detail::constant_evaluated()) return arch::ptx::mul_wide_u32(a, b);
#endif
    return std::uint64_t{a} * b;
  };
  std::uint32_t c0 = low(call), c1 = high(call), c2 = low(stream), c3 = high(stream);
  for (int round = 0; round < Rounds; ++round) {
    std::uint64_t const product0 = wide(0xD251'1F53u, c0);
    std::uint64_t const product1 = wide(0xCD9E'8D57u, c2);
    c0 = high(product1) ^ c1 ^ key(round, 0);
    c1 = low(product1);
    c2 = high(product0) ^ c3 ^ key(round, 1);
    c3 = low(product0);
  }
  return {{c0, c1, c2, c3}};
}

/// Philox4x32 keyed by a seed and a stream.
///
/// rule    key = seed, counter = (call, stream), low words first; Rounds rounds of two 32x32-bit
///         products. Skipping ahead is an addition to the call number.
/// errors  none: every seed, stream and call is valid.
/// bits    identical everywhere; equal to Random123's philox4x32 for Rounds = 7 and 10.
/// source  Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
template <int Rounds = 10>
struct philox4x32 {
  static_assert(Rounds > 0 && Rounds <= 16,
                "got a round count outside 1..16; use 10, or 7 for speed");

  std::uint64_t seed = 0;
  std::uint64_t stream = 0;

  [[nodiscard]] NIBBLE_HD constexpr words operator()(std::uint64_t call) const noexcept {
    return philox_rounds<Rounds>(call, stream, [this](int round, int word) {
      auto const key = static_cast<std::uint32_t>(word == 0 ? seed : seed >> 32);
      return key + static_cast<std::uint32_t>(round) * philox_step(word);
    });
  }

  /// Calls first, first + 1, ..., `count` of them: the same words, but the host draws several at
  /// once.
  NIBBLE_HD constexpr void calls(std::uint64_t first, std::size_t count,
                                 words* out) const noexcept {
    std::size_t done = 0;
#if NIBBLE_HAS_LANES
    if (!detail::constant_evaluated()) {
      constexpr std::size_t together = arch::lanes::count / 2;
      for (; done + together <= count; done += together) {
        arch::lanes::philox<Rounds>(seed, stream, first + done, out[done].value);
      }
    }
#endif
    for (; done < count; ++done) out[done] = (*this)(first + done);
  }
};

}  // namespace nibble::random
