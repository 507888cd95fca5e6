// SPDX-License-Identifier: Apache-2.0
// Ctrl-C asks the run to stop after the step at hand, so that it can be saved; a second one ends
// it.
#pragma once

#include <csignal>

namespace train_lm {

inline volatile std::sig_atomic_t stop_requested = 0;

/// From now on the first SIGINT or SIGTERM only sets stop_requested.
inline void catch_interrupts() {
  for (int const signal : {SIGINT, SIGTERM}) {
    struct sigaction action {};
    action.sa_handler = [](int) { stop_requested = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace train_lm
