// SPDX-License-Identifier: Apache-2.0
// Philox4x32, a counter-based generator: a keyed bijection of 128-bit counters.
#pragma once

#include "nibble/random/source.hpp"

namespace nibble::random {

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
    std::uint32_t c0 = low(call), c1 = high(call), c2 = low(stream), c3 = high(stream);
    std::uint32_t k0 = low(seed), k1 = high(seed);
    for (int round = 0; round < Rounds; ++round) {
      std::uint64_t const product0 = wide(0xD251'1F53u, c0);
      std::uint64_t const product1 = wide(0xCD9E'8D57u, c2);
      c0 = high(product1) ^ c1 ^ k0;
      c1 = low(product1);
      c2 = high(product0) ^ c3 ^ k1;
      c3 = low(product0);
      k0 += 0x9E37'79B9u;  // the golden ratio
      k1 += 0xBB67'AE85u;  // sqrt(3) - 1
    }
    return {{c0, c1, c2, c3}};
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

 private:
  NIBBLE_HD static constexpr std::uint64_t wide(std::uint32_t a, std::uint32_t b) noexcept {
#if NIBBLE_HAS_DEVICE
    if (!detail::constant_evaluated()) return arch::ptx::mul_wide_u32(a, b);
#endif
    return std::uint64_t{a} * b;
  }
  NIBBLE_HD static constexpr std::uint32_t low(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word);
  }
  NIBBLE_HD static constexpr std::uint32_t high(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word >> 32);
  }
};

}  // namespace nibble::random
