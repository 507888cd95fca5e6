// SPDX-License-Identifier: Apache-2.0
// Which random numbers a tensor draws: a name for every stream of a training run.
#pragma once

#include "nibble/detail/std.hpp"

namespace nibble::random {

/// Identifies the tensor that draws, so that no two tensors of a run share random numbers.
struct stream_id {
  std::uint32_t role = 0;      // below 2^7: which of a layer's tensors
  std::uint32_t layer = 0;     // below 2^16
  std::uint64_t step = 0;      // below 2^40
  bool is_transposed = false;  // the column direction draws numbers of its own

  /// The 64-bit stream: step, layer, role and direction, from the top bit down.
  /// errors  a field outside its range runs into the next; is_valid() tells.
  [[nodiscard]] NIBBLE_HD constexpr std::uint64_t value() const noexcept {
    return step << 24 | static_cast<std::uint64_t>(layer) << 8 | role << 1 |
           (is_transposed ? 1u : 0u);
  }
  [[nodiscard]] NIBBLE_HD constexpr bool is_valid() const noexcept {
    return role < (1u << 7) && layer < (1u << 16) && step < (std::uint64_t{1} << 40);
  }
};

}  // namespace nibble::random
