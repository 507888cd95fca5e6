// SPDX-License-Identifier: Apache-2.0
// An outer scale that is the same for every tensor: room below the largest element, by a constant.
#pragma once

#include "nibble/arch/arithmetic.hpp"
#include "nibble/tensor_scale/policy.hpp"

namespace nibble::tensor_scale {

/// Values are multiplied by Numerator / Denominator before they meet the block scale, and by its
/// inverse after: 3/4 keeps every element under a floored power-of-two scale from saturating.
///
/// rule    S_enc = fl(Numerator / Denominator); a code is worth code * (scale * fl(Denominator /
///         Numerator)).
/// errors  none: the amax is not looked at.
/// bits    identical everywhere.
/// source  Training LLMs with MXFP4, arXiv 2502.20586 (3/4).
template <int Numerator, int Denominator>
struct fixed {
  static_assert(Numerator > 0 && Denominator > 0, "got a factor of 0 or less; need a fraction");
  static constexpr granularity shares = granularity::none;
  static constexpr int bound = 0;
  /// What a product's sum is multiplied by for an operand under this scale.
  static constexpr double gain = static_cast<double>(Denominator) / Numerator;

  template <class Element>
  [[nodiscard]] NIBBLE_HD static constexpr factors from(tensor_amax amax) noexcept {
    constexpr float encode = arch::divide(float{Numerator}, float{Denominator});
    constexpr float decode = arch::divide(float{Denominator}, float{Numerator});
    return {amax.value, encode, decode};
  }
  template <class Element>
  [[nodiscard]] NIBBLE_HD static constexpr float decode(float scale, factors const& f) noexcept {
    return arch::multiply(scale, f.decode);
  }
};

}  // namespace nibble::tensor_scale
