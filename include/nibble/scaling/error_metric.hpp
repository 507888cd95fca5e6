// SPDX-License-Identifier: Apache-2.0
// How far a quantized tile is from the values: what policies that try several scales compare.
#pragma once

#include "nibble/arch/arithmetic.hpp"
#include "nibble/arch/lanes.hpp"
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

/// The error of one tile under a scale, in FP32.
///
/// rule    v_i = ((code_i * scale) * amax) / range, rounded at each step; the terms of a row are added
///         in order, the rows of a square tile by a tree: row i takes row i + 8, then + 4, + 2, + 1.
/// source  TransformerEngine's Four Over Six (rows summed by a warp's shuffle).
template <class Metric, class Element, std::size_t Rows, std::size_t Columns>
[[nodiscard]] NIBBLE_HD constexpr float tile_error(float const (&values)[Rows][Columns], float scale,
                                                   float encode, float amax, float range) noexcept {
  float sums[Rows]{};
  for (std::size_t r = 0; r < Rows; ++r) {
#if NIBBLE_HAS_LANES
    if constexpr (Element::format == format::e2m1 && Columns % 16 == 0) {
      if (!detail::constant_evaluated()) {
        constexpr format::nearest_even_thresholds<format::e2m1> thresholds{};
        float differences[Columns];
        arch::lanes::e2m1_differences(values[r], thresholds.first, scale, encode, amax, range,
                                      differences);
        for (float const difference : differences) sums[r] = Metric::add(sums[r], difference);
        continue;
      }
    }
#endif
    for (float const value : values[r]) {
      auto const code = Element(arch::multiply(value, encode));
      float const scaled = arch::multiply(static_cast<float>(code), scale);
      float const decoded = arch::divide(arch::multiply(scaled, amax), range);
      sums[r] = Metric::add(sums[r], arch::subtract(decoded, value));
    }
  }
  for (std::size_t half = Rows / 2; half > 0; half /= 2) {
    for (std::size_t r = 0; r < half; ++r) sums[r] = Metric::merge(sums[r], sums[r + half]);
  }
  return sums[0];
}

}  // namespace nibble::scaling
