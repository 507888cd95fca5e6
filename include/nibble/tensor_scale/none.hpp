// SPDX-License-Identifier: Apache-2.0
// No tensor scale: the block scale alone covers the range.
#pragma once

#include "nibble/tensor_scale/policy.hpp"

namespace nibble::tensor_scale {

/// Both factors are 1: for E8M0, UE5M3 and FP32 block scales.
///
/// errors  none: the amax is not looked at.
/// bits    identical everywhere.
struct none {
  static constexpr granularity shares = granularity::none;
  static constexpr int bound = 0;

  template <class Element>
  [[nodiscard]] NIBBLE_HD static constexpr factors from(tensor_amax amax) noexcept {
    return {amax.value, 1.0f, 1.0f};
  }
  template <class Element>
  [[nodiscard]] NIBBLE_HD static constexpr float decode(float scale, factors const&) noexcept {
    return scale;
  }
};

}  // namespace nibble::tensor_scale
