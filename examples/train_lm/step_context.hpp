// SPDX-License-Identifier: Apache-2.0
// What a layer must know of the step it runs in, besides its input.
#pragma once

#include <cstdint>

#include "train_lm/parallel_for.hpp"

namespace train_lm {

/// The step at hand. Randomness may depend on seed and step (and on a layer's own name), on nothing
/// else, so that a run can stop and go on as if it had not.
struct step_context {
  std::uint64_t seed;
  std::uint64_t step;
  extent length;  ///< tokens in a sequence: row r belongs to sequence r / length
  bool training;  ///< false: no backward pass follows, nothing need be kept for it
  parallel_for const& parallel;
  std::uint64_t steps = 0;  ///< of the whole run; 0: not known
};

}  // namespace train_lm
