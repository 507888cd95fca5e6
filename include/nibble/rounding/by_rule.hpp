// SPDX-License-Identifier: Apache-2.0
// Any primitive rule of format/ that draws no random numbers, as a policy.
#pragma once

#include "nibble/rounding/policy.hpp"

namespace nibble::rounding {

/// Rounds each value by Rule.
///
/// errors  as the number type's own conversion.
/// bits    identical everywhere.
template <class Rule>
struct by_rule {
  static constexpr bool is_stochastic = false;

  /// The T that `value` rounds to.
  template <number_type T>
  [[nodiscard]] NIBBLE_HD static constexpr T round(float value) noexcept {
    return T::from_bits(format::encode<T::format, Rule>(value));
  }

  /// The codes of N values; the position does not matter.
  template <number_type T, std::size_t N>
  [[nodiscard]] NIBBLE_HD static constexpr packed<T, int{N}> encode(float const (&values)[N],
                                                                    std::uint64_t = 0) noexcept {
    packed<T, int{N}> codes{};
    for (int i = 0; i < int{N}; ++i) codes.set(i, round<T>(values[i]));
    return codes;
  }
};

}  // namespace nibble::rounding
