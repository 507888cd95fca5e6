// SPDX-License-Identifier: Apache-2.0
// A tensor scale from the amaxes of earlier steps, which saves the pass over the tensor that finds
// it.
#pragma once

#include "nibble/tensor_scale/current.hpp"

namespace nibble::tensor_scale {

/// The arithmetic of current, on the largest amax of the last Window tensors.
///
/// rule    history::amax() is the largest of the amaxes recorded, 0 (so S_enc is 1) before the first.
/// errors  a tensor that grew saturates: its largest blocks get the largest block scale. A recorded
///         NaN does not count; infinity stays for Window tensors, and gives S_enc = 1.
/// bits    identical everywhere.
template <int Window = 16, int Bound = 448>
struct delayed : current<Bound> {
  static_assert(Window > 0, "got an empty window; need at least one step of history");

  /// The amaxes of the last Window tensors; an aggregate, so it can be stored in a checkpoint.
  struct history {
    float amaxes[std::size_t{Window}]{};
    int next = 0;

    /// What the next tensor is quantized with: 0, so a scale of 1, before anything was recorded.
    [[nodiscard]] NIBBLE_HD constexpr tensor_amax amax() const noexcept {
      std::uint32_t largest = 0;
      for (float const value : amaxes) {
        largest = amax_bits(value) > largest ? amax_bits(value) : largest;
      }
      return {detail::float_from_bits(largest)};
    }
    /// Records the amax of a tensor, forgetting the oldest.
    NIBBLE_HD constexpr void record(tensor_amax amax) noexcept {
      amaxes[next] = amax.value;
      next = (next + 1) % Window;
    }
  };
};

}  // namespace nibble::tensor_scale
