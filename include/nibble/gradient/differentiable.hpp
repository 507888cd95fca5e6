// SPDX-License-Identifier: Apache-2.0
// The derivative of a smooth curve that goes through the steps of the quantizer: DGE.
#pragma once

#include "nibble/arch/arithmetic.hpp"
#include "nibble/format/encode.hpp"
#include "nibble/gradient/policy.hpp"

namespace nibble::gradient {

/// Between neighbours a < b the quantizer is taken for a + (b - a) / 2 (1 + sign(u) |u|^(1/K)) with u
/// = 2 (x - a) / (b - a) - 1, and the factor is its derivative |u|^(1/K - 1) / K, at most Clamp.
///
/// rule    r = |u|^(-1/K) by sixteen Newton steps from 1 in FP32, where the result is below the
///         clamp; then fl(1 / (K |u| r)).
/// errors  0 from the largest element on, and for infinity and NaN.
/// bits    identical everywhere: no library function takes part.
/// source  arXiv 2501.17116 (K = 5, Clamp = 3; its outlier compensation is left out).
template <int K = 5, int Clamp = 3>
struct differentiable {
  static_assert(K >= 2 && K <= 64 && Clamp >= 1 && Clamp <= 10,
                "got a K outside 2..64 or a clamp outside 1..10; need a smooth step");
  static constexpr bool passes_all = false;

  template <class Element>
  [[nodiscard]] NIBBLE_HD static constexpr float factor(float scaled) noexcept {
    constexpr format::float_format f = Element::format;
    float const magnitude = detail::magnitude(scaled);
    if (!arch::less(magnitude, static_cast<float>(limits<Element>::max()))) return 0.0f;
    std::uint32_t const below = format::encode<f, format::toward_zero>(magnitude);
    float const a = format::decode<f>(below), b = format::decode<f>(below + 1u);
    float const place = arch::divide(arch::subtract(magnitude, a), arch::subtract(b, a));
    return slope(detail::magnitude(arch::subtract(arch::multiply(2.0f, place), 1.0f)));
  }

  /// The derivative at a distance |u| of 0 to 1 from the middle of a step.
  [[nodiscard]] NIBBLE_HD static constexpr float slope(float u) noexcept {
    // There the slope of every K that is allowed is above the largest clamp.
    if (arch::less(u, 0x1p-10f)) return float{Clamp};
    float r = 1;
    for (int step = 0; step < 16; ++step) {
      float power = u;
      for (int i = 0; i < K; ++i) power = arch::multiply(power, r);
      r = arch::divide(arch::multiply(r, arch::subtract(float{K + 1}, power)), float{K});
    }
    float const slope = arch::divide(1.0f, arch::multiply(float{K}, arch::multiply(u, r)));
    return arch::minimum(slope, float{Clamp});
  }
};

}  // namespace nibble::gradient
