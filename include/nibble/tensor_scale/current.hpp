// SPDX-License-Identifier: Apache-2.0
// The tensor scale of NVFP4, from the amax of the very tensor that is quantized.
#pragma once

#include "nibble/arch/arithmetic.hpp"
#include "nibble/numeric_limits.hpp"
#include "nibble/tensor_scale/policy.hpp"

namespace nibble::tensor_scale {

/// Spreads a tensor over the range of element times block scale.
///
/// rule    S_enc = min(Bound * max(Element) / amax, largest float), 1 where amax or the quotient is
///         0; S_dec = 1 / S_enc, which may be subnormal and is kept. A code is worth
///         code * ((scale * amax) * fl(1 / (Bound * max(Element)))), in that order.
/// errors  amax 0 or infinity: S_enc = 1; NaN: the largest float. scale * amax may overflow for an
///         amax above 2^128 / 448.
/// bits    identical everywhere.
/// source  TransformerEngine (S_enc, S_dec and the order of dequantization); Bound 448 is NVFP4's,
///         256 that of Four Over Six.
template <int Bound = 448>
struct current {
  static_assert(Bound > 0,
                "got a bound of 0 or less; need the scale of the largest block, or use none");
  static constexpr granularity shares = granularity::tensor;
  static constexpr int bound = Bound;

  /// Bound * max(Element): what the amax is mapped to; 2688 for NVFP4.
  template <class Element>
  static constexpr float range = static_cast<float>(Bound) *
                                 static_cast<float>(limits<Element>::max());

  template <class Element>
  [[nodiscard]] NIBBLE_HD static constexpr factors from(tensor_amax amax) noexcept {
    float encode = arch::minimum(arch::divide(range<Element>, amax.value), detail::largest_float);
    if (arch::equal(amax.value, 0) || arch::equal(encode, 0)) encode = 1;
    return {amax.value, encode, arch::divide(1.0f, encode)};
  }

  template <class Element>
  [[nodiscard]] NIBBLE_HD static constexpr float decode(float scale, factors const& f) noexcept {
    constexpr float reciprocal = arch::divide(1.0f, range<Element>);
    return arch::multiply(arch::multiply(scale, f.amax), reciprocal);
  }
};

}  // namespace nibble::tensor_scale
