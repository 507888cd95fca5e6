// SPDX-License-Identifier: Apache-2.0
// How far a quantized tile is from the values: what policies that try several scales compare.
#pragma once

#include "nibble/arch/arithmetic.hpp"
#include "nibble/arch/lanes/e2m1.hpp"
#include "nibble/format/encode.hpp"

namespace nibble::scaling {

/// The sum of squared differences.
struct squared_error {
  NIBBLE_HD static constexpr float add(float sum, float difference) noexcept {
    return arch::add(sum, arch::multiply(difference, difference));
  }
  NIBBLE_HD static constexpr float merge(float a, float b) noexcept { return arch::add(a, b); }
};

/// The sum of absolute differences.
struct absolute_error {
  NIBBLE_HD static constexpr float add(float sum, float difference) noexcept {
    return arch::add(sum, detail::magnitude(difference));
  }
  NIBBLE_HD static constexpr float merge(float a, float b) noexcept { return arch::add(a, b); }
};

/// The largest absolute difference; NaN if there is one.
struct largest_error {
  NIBBLE_HD static constexpr float add(float largest, float difference) noexcept {
    float const magnitude = detail::magnitude(difference);
    // Magnitudes order like their bits, and NaN is above them all: an integer maximum keeps it.
    return detail::float_bits(magnitude) > detail::float_bits(largest) ? magnitude : largest;
  }
  NIBBLE_HD static constexpr float merge(float a, float b) noexcept { return add(a, b); }
};

/// The errors of one tile under each of several scales, in FP32.
///
/// rule    v_i = ((code_i * scale) * amax) / range, rounded at each step; the terms of a row are
///         added in order, the rows of a square tile by a tree: row i takes row i + 8, then + 4, +
///         2, + 1.
/// source  TransformerEngine's Four Over Six (rows summed by a warp's shuffle).
template <class Metric, class Element, std::size_t Rows, std::size_t Columns, std::size_t Scales>
NIBBLE_HD constexpr void tile_errors(float const (&values)[Rows][Columns],
                                     float const (&scale)[Scales], float const (&encode)[Scales],
                                     float amax, float range, float (&errors)[Scales]) noexcept {
  float sums[Rows][Scales]{};
  for (std::size_t r = 0; r < Rows; ++r) {
#if NIBBLE_HAS_LANES
    if constexpr (Element::format == format::e2m1 && Columns % 16 == 0 &&
                  (std::is_same_v<Metric, squared_error> ||
                   std::is_same_v<Metric, absolute_error>)) {
      if (!detail::constant_evaluated()) {
        arch::lanes::e2m1_errors(values[r], std::is_same_v<Metric, squared_error>, scale, encode,
                                 amax, range, sums[r]);
        continue;
      }
    }
#endif
    for (std::size_t s = 0; s < Scales; ++s) {
      for (float const value : values[r]) {
        auto const code = Element(arch::multiply(value, encode[s]));
        float const scaled = arch::multiply(static_cast<float>(code), scale[s]);
        float const decoded = arch::divide(arch::multiply(scaled, amax), range);
        sums[r][s] = Metric::add(sums[r][s], arch::subtract(decoded, value));
      }
    }
  }
  for (std::size_t half = Rows / 2; half > 0; half /= 2) {
    for (std::size_t r = 0; r < half; ++r) {
      for (std::size_t s = 0; s < Scales; ++s) {
        sums[r][s] = Metric::merge(sums[r][s], sums[r + half][s]);
      }
    }
  }
  for (std::size_t s = 0; s < Scales; ++s) errors[s] = sums[0][s];
}

/// The error under one scale; see tile_errors.
template <class Metric, class Element, std::size_t Rows, std::size_t Columns>
[[nodiscard]] NIBBLE_HD constexpr float tile_error(float const (&values)[Rows][Columns],
                                                   float scale, float encode, float amax,
                                                   float range) noexcept {
  float const scales[1]{scale}, encodes[1]{encode};
  float errors[1]{};
  tile_errors<Metric, Element>(values, scales, encodes, amax, range, errors);
  return errors[0];
}

}  // namespace nibble::scaling
