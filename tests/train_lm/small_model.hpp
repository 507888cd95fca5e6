// SPDX-License-Identifier: Apache-2.0
// The model of tests that train: every kind of block, small enough for seconds.
#pragma once

#include "train_lm/model.hpp"

namespace train_lm {

inline model_config small_model() {
  return {.pattern = "M-*-",
          .width = 32,
          .hidden = 64,
          .scan = {.inner = 32, .heads = 16, .groups = 1, .state = 8},
          .heads = {.queries = 2, .keys = 1, .head = 16}};
}

}  // namespace train_lm
