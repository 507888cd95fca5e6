// SPDX-License-Identifier: Apache-2.0
// The random Hadamard transform whose signs are drawn anew for every product of every step.
#pragma once

#include "nibble/transform/random_hadamard.hpp"

namespace nibble::transform {

/// A random_hadamard that asks whoever runs a recipe to draw its signs: one draw for a product, so
/// that both operands share it and it cancels. Default-constructed it has the fixed signs.
///
/// rule    as random_hadamard; nibble::linear draws from call 0 of the source
///         layer_key::signs(product).
/// errors  as hadamard.
/// bits    identical everywhere.
/// source  Quartet II, arXiv 2601.22813.
template <int N = 128, class Result = float>
struct fresh_hadamard : random_hadamard<N, Result> {
  static constexpr bool draws_signs = true;

  NIBBLE_HD constexpr fresh_hadamard() noexcept : random_hadamard<N, Result>() {}

  /// Signs from call `call` of a random source.
  template <random::source Source>
  [[nodiscard]] NIBBLE_HD static constexpr fresh_hadamard drawn(Source const& source,
                                                                std::uint64_t call = 0) noexcept {
    fresh_hadamard result;
    static_cast<random_hadamard<N, Result>&>(result) =
        random_hadamard<N, Result>::drawn(source, call);
    return result;
  }
};

/// Does this transform want its signs drawn?
template <class T>
inline constexpr bool draws_signs = requires {
  requires T::draws_signs;
};

}  // namespace nibble::transform
