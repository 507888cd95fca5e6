// SPDX-License-Identifier: Apache-2.0
// Ctrl-C asks the run to stop after the step at hand, so that it can be saved; a second one ends
// it. What goes wrong with a write does not.
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

/// From now on a file that may not grow, or a pipe that nobody reads any more, is an error of the
/// write like any other: by its signal the program would end without tidying up.
inline void ignore_write_signals() {
  for (int const signal : {SIGXFSZ, SIGPIPE}) std::signal(signal, SIG_IGN);
}

}  // namespace train_lm
