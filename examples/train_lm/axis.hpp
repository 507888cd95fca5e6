// SPDX-License-Identifier: Apache-2.0
// One axis of a chart: where a value stands, and which round numbers are marked.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

namespace train_lm::svg_detail {

inline std::string number(double value, int digits = 1) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

/// The distance between marks: 1, 2 or 5 times a power of ten, for about `marks` of them.
inline double round_step(double span, double marks) {
  double const power = std::pow(10, std::floor(std::log10(span / marks)));
  for (double const factor : {1.0, 2.0, 5.0}) {
    if (factor * power * marks >= span) {
      return factor * power;
    }
  }
  return 10 * power;
}

inline int digits_of(double step) {
  return std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 12);
}

/// A map of [low, high] to [from, to], with the marks in that range.
struct axis {
  double low, high, from, to;
  bool logarithmic = false;

  double operator()(double value) const {
    return from + (scaled(value) - scaled(low)) / (scaled(high) - scaled(low)) * (to - from);
  }
  template <class Body>
  void for_marks(double marks, Body const& body) const {
    if (logarithmic) {
      for (double power = std::ceil(scaled(low) - 1e-9); power <= scaled(high) + 1e-9; power += 1) {
        char text[32];
        std::snprintf(text, sizeof text, "%g", std::pow(10, power));
        body(std::pow(10, power), text);
      }
      return;
    }
    double const step = round_step(high - low, marks);
    double const first = std::ceil(low / step - 1e-9), last = std::floor(high / step + 1e-9);
    for (double i = first; i <= last; i += 1) {
      double const mark = i * step + 0.0;  // minus zero becomes zero
      body(mark, number(mark, digits_of(step)));
    }
  }

 private:
  double scaled(double value) const { return logarithmic ? std::log10(value) : value; }
};

}  // namespace train_lm::svg_detail
