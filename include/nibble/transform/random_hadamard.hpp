// SPDX-License-Identifier: Apache-2.0
// The Hadamard transform of values whose signs were flipped first, which spreads outliers for sure.
#pragma once

#include "nibble/random/source.hpp"
#include "nibble/transform/hadamard.hpp"

namespace nibble::transform {

/// y = H (s x) / sqrt(N) with signs s.
///
/// shape   as hadamard; signs: bit i of word i / 32 set where s_i = -1, N bits in all.
/// rule    signs are flipped exactly, then hadamard. The default is NVIDIA's fixed vector 0xD7E8,
///         repeated for N > 16; drawn() makes signs from a random source, say once a step.
/// errors  as hadamard.
/// bits    identical everywhere.
/// source  NVIDIA, arXiv 2509.25149; the sign vector is TransformerEngine's.
template <int N = 16, class Result = float>
struct random_hadamard {
  static constexpr int size = N;
  static constexpr int sign_words = (N + 31) / 32;

  std::uint32_t signs[std::size_t{sign_words}] = {};

  NIBBLE_HD constexpr random_hadamard() noexcept {
    for (auto& word : signs) word = N == 16 ? 0xD7E8u : 0xD7E8'D7E8u;
  }

  /// Signs from call `call` of a random source.
  template <random::source Source>
  [[nodiscard]] NIBBLE_HD static constexpr random_hadamard drawn(Source const& source,
                                                                 std::uint64_t call = 0) noexcept {
    random::words const words = source(call);
    random_hadamard result;
    for (int i = 0; i < sign_words; ++i) {
      result.signs[i] = N == 16 ? words.value[i] & 0xFFFFu : words.value[i];
    }
    return result;
  }

  NIBBLE_HD constexpr void apply(float (&values)[std::size_t{N}]) const noexcept {
    flip(values);
    hadamard<N, Result>::apply(values);
  }
  NIBBLE_HD constexpr void invert(float (&values)[std::size_t{N}]) const noexcept {
    hadamard<N, Result>::invert(values);
    flip(values);
  }

 private:
  NIBBLE_HD constexpr void flip(float (&values)[std::size_t{N}]) const noexcept {
#if NIBBLE_HAS_LANES
    if (!detail::constant_evaluated()) return arch::lanes::flip_signs(values, signs);
#endif
    for (int i = 0; i < N; ++i) {
      std::uint32_t const sign = (signs[i / 32] >> (i % 32) & 1u) << 31;
      values[i] = arch::flip_sign(values[i], sign);
    }
  }
};

}  // namespace nibble::transform
