// SPDX-License-Identifier: Apache-2.0
// Philox whose seed and stream lie in memory, so that a replayed CUDA graph draws new numbers.
#pragma once

#include "nibble/random/philox.hpp"

namespace nibble::random {

/// What philox_in_memory points to.
struct philox_state {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};

/// philox4x32 with the seed and the stream that memory holds when a call draws.
///
/// shape   state: readable where the source is used, and not changed while a kernel draws. A kernel
///         takes the pointer when a graph is captured and reads what it points to at each replay.
/// errors  undefined without a state.
/// bits    those of philox4x32{state->seed, state->stream}.
template <int Rounds = 10>
struct philox_in_memory {
  philox_state const* state = nullptr;

  [[nodiscard]] NIBBLE_HD constexpr words operator()(std::uint64_t call) const noexcept {
    return philox4x32<Rounds>{state->seed, state->stream}(call);
  }

  /// Calls first, first + 1, ..., as philox4x32 has them.
  NIBBLE_HD constexpr void calls(std::uint64_t first, std::size_t count,
                                 words* out) const noexcept {
    philox4x32<Rounds>{state->seed, state->stream}.calls(first, count, out);
  }
};

}  // namespace nibble::random
