// SPDX-License-Identifier: Apache-2.0
// The straight-through estimator: quantization is the identity for gradients.
#pragma once

#include "nibble/gradient/policy.hpp"

namespace nibble::gradient {

/// A factor of 1 everywhere.
struct straight_through {
  static constexpr bool passes_all = true;

  template <class Element>
  [[nodiscard]] NIBBLE_HD static constexpr float factor(float) noexcept {
    return 1.0f;
  }
};

}  // namespace nibble::gradient
