// SPDX-License-Identifier: Apache-2.0
// What a gradient rule is: how a gradient passes through a quantizer, whose own derivative is 0 almost
// everywhere.
#pragma once

#include "nibble/fp4_e2m1.hpp"
#include "nibble/numeric_limits.hpp"

namespace nibble::gradient {

/// A rule that says what to multiply a gradient with, element by element.
///
/// 1. G::passes_all says that the factor is always 1, so that nobody need compute it (checked).
/// 2. g.factor<Element>(scaled) returns it for a value in units of the element, as it was rounded
///    (checked).
/// 3. It is total and even: the sign of the value does not matter, and NaN gives 0 or 1 (tested:
///    tests/gradient).
template <class G>
concept policy = requires(G const& g, float scaled) {
  { G::passes_all } -> std::convertible_to<bool>;
  { g.template factor<fp4_e2m1>(scaled) }
  noexcept->std::same_as<float>;
};

}  // namespace nibble::gradient
