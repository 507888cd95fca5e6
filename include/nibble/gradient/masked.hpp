// SPDX-License-Identifier: Apache-2.0
// No gradient for what saturated: moving it changes nothing.
#pragma once

#include "nibble/arch/arithmetic.hpp"
#include "nibble/gradient/policy.hpp"

namespace nibble::gradient {

/// 1 where the value is within the range of the element, 0 beyond it.
///
/// errors  0 for infinity and NaN.
/// bits    identical everywhere.
/// source  QuEST's trust mask, as in Quartet, arXiv 2505.14669; there under a Hadamard transform, here
///         without one.
struct masked {
  static constexpr bool passes_all = false;

  template <class Element>
  [[nodiscard]] NIBBLE_HD static constexpr float factor(float scaled) noexcept {
    constexpr auto largest = static_cast<float>(limits<Element>::max());
    float const magnitude = detail::magnitude(scaled);
    return arch::less(magnitude, largest) || arch::equal(magnitude, largest) ? 1.0f : 0.0f;
  }
};

}  // namespace nibble::gradient
