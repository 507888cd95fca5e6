// SPDX-License-Identifier: Apache-2.0
// Tells how a run is going: one line that redraws itself on a terminal, a line now and then in a
// file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ostream>
#include <string>
#include <utility>

namespace train_lm {

/// A progress line. The caller tells the time, so that it can be tested and a resumed run measured.
class progress {
 public:
  /// terminal: whether out understands a carriage return; tokens: how many a step trains on.
  progress(std::ostream& out, bool terminal, std::string label, std::uint64_t steps,
           std::uint64_t tokens)
      : out_{out}, terminal_{terminal}, label_{std::move(label)}, steps_{steps}, tokens_{tokens} {}

  /// After `done` of all steps, the last `measured` of which took `seconds`. The last step always
  /// shows; others at most ten times a second, or every ten seconds without a terminal.
  void show(std::uint64_t done, std::uint64_t measured, double seconds, double loss) {
    bool const last = done >= steps_;
    if (!last && seconds < next_) {
      return;
    }
    next_ = seconds + (terminal_ ? 0.1 : 10.0);
    std::string const text = line(done, measured, seconds, loss);
    if (!terminal_) {
      out_ << text << '\n' << std::flush;
      return;
    }
    // Spaces cover what a longer line before this one left behind.
    out_ << '\r' << text << std::string(width_ > text.size() ? width_ - text.size() : 0, ' ');
    width_ = text.size();
    out_ << (last ? "\n" : "") << std::flush;
  }

  /// Leaves the line as it is and goes to the next, when a run stops early.
  void stop() {
    if (terminal_) {
      out_ << '\n' << std::flush;
    }
  }

 private:
  std::string line(std::uint64_t done, std::uint64_t measured, double seconds, double loss) const {
    double const share =
        steps_ == 0 ? 1 : std::min(1.0, static_cast<double>(done) / static_cast<double>(steps_));
    double const speed = seconds > 0 ? static_cast<double>(measured) / seconds : 0;
    auto const filled = static_cast<std::size_t>(share * 20);
    std::string bar(20, ' ');
    std::fill_n(bar.begin(), filled, '=');
    if (filled < bar.size()) {
      bar[filled] = '>';
    }
    char numbers[160];
    std::snprintf(numbers, sizeof numbers, "[%s] %3.0f %%  loss %.4f  %.0f tokens/s", bar.c_str(),
                  share * 100, loss, speed * static_cast<double>(tokens_));
    std::string text = label_ + "  " + numbers;
    if (done >= steps_) {
      return text + "  " + duration(seconds);
    }
    double const left = speed > 0 ? static_cast<double>(steps_ - done) / speed : 0;
    return text + "  " + duration(left) + " left";
  }

  static std::string duration(double seconds) {
    auto const whole = static_cast<long long>(seconds + 0.5);
    char text[48];
    std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
    return text;
  }

  std::ostream& out_;
  bool terminal_;
  std::string label_;
  std::uint64_t steps_, tokens_;
  double next_ = 0;
  std::size_t width_ = 0;
};

}  // namespace train_lm
