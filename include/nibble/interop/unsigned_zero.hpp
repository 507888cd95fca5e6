// SPDX-License-Identifier: Apache-2.0
// Rounding as Python libraries do it that ask for a sign by x < 0.
#pragma once

#include "nibble/rounding/nearest_even.hpp"

namespace nibble::interop {

/// Nearest, ties to even, with -0 taken for +0. A negative number that rounds to zero keeps its
/// sign.
struct unsigned_zero {
  static constexpr bool is_stochastic = false;

  template <number_type T, std::size_t N>
  [[nodiscard]] NIBBLE_HD static constexpr packed<T, int{N}> encode(float const (&values)[N],
                                                                    std::uint64_t = 0) noexcept {
    float cleared[N]{};
    for (std::size_t i = 0; i < N; ++i) {
      cleared[i] = detail::magnitude_bits(values[i]) == 0 ? 0.0f : values[i];
    }
    return rounding::nearest_even::encode<T>(cleared);
  }
};

}  // namespace nibble::interop
