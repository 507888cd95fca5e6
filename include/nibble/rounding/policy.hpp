// SPDX-License-Identifier: Apache-2.0
// What a rounding policy is.
#pragma once

#include "nibble/fp4_e2m1.hpp"
#include "nibble/packed.hpp"

namespace nibble::rounding {

/// Can R turn N floats into N codes of type T?
template <class R, class T, int N>
concept encodes = requires(R const& r, float const (&values)[std::size_t{N}],
                           std::uint64_t position) {
  { r.template encode<T>(values, position) }
  noexcept->std::same_as<packed<T, N>>;
};

/// Does R say whether it draws random numbers?
template <class R>
concept declares_randomness = requires {
  { R::is_stochastic } -> std::convertible_to<bool>;
};

/// A rule that picks one of the two codes next to a number.
///
/// 1. r.encode<T>(values, position) encodes the N values of consecutive elements, the first at
///    `position` of its matrix (checked).
/// 2. R::is_stochastic tells whether the position matters (checked).
/// 3. An exact value keeps its code; the result is one of the two neighbours; it grows with the
///    value; it saturates; NaN becomes T's NaN code (tested: tests/support/rounding_laws.hpp).
/// It does not promise symmetry about zero, nor a mean equal to the value.
template <class R>
concept policy = declares_randomness<R> && encodes<R, fp4_e2m1, 16>;

}  // namespace nibble::rounding
