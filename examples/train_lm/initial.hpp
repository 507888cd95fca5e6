// SPDX-License-Identifier: Apache-2.0
// Initial weights. Uniform rather than normal numbers: they need no logarithm or cosine, so they
// are the same bytes with every C library.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

#include "train_lm/counter_random.hpp"
#include "train_lm/matrix.hpp"

namespace train_lm {

/// Makes initial matrices; each has its own random stream, taken from its name.
class initializer {
 public:
  explicit initializer(std::uint64_t seed) : seed_{seed} {}

  /// Uniform numbers of mean zero and the given standard deviation.
  template <class Real>
  matrix<Real> spread(std::string_view name, extent rows, extent columns, double deviation) const {
    matrix<Real> result(rows, columns);
    double const width = deviation * std::sqrt(12.0);
    for (extent i = 0; i < result.size(); ++i) {
      result.data()[i] = static_cast<Real>(width * (unit(name, i) - 0.5));
    }
    return result;
  }

  /// For a linear layer: outputs have the variance of the inputs, times scale squared.
  template <class Real>
  matrix<Real> linear(std::string_view name, extent outputs, extent inputs,
                      double scale = 1) const {
    return spread<Real>(name, outputs, inputs, scale / std::sqrt(static_cast<double>(inputs)));
  }

  /// The i-th uniform number in [0, 1) of the named stream.
  double unit(std::string_view name, extent i) const {
    std::uint64_t stream = 0xcbf29ce484222325u;  // FNV-1a of the name
    for (char const letter : name) {
      stream = (stream ^ static_cast<unsigned char>(letter)) * 0x100000001b3u;
    }
    return random_unit(seed_, stream, static_cast<std::uint64_t>(i));
  }

 private:
  std::uint64_t seed_;
};

}  // namespace train_lm
