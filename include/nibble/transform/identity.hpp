// SPDX-License-Identifier: Apache-2.0
// No transform.
#pragma once

#include "nibble/transform/policy.hpp"

namespace nibble::transform {

/// Leaves values as they are.
struct identity {
  static constexpr int size = 1;
  NIBBLE_HD static constexpr void apply(float (&)[1]) noexcept {}
  NIBBLE_HD static constexpr void invert(float (&)[1]) noexcept {}
};

}  // namespace nibble::transform
