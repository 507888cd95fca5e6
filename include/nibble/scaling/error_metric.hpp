// SPDX-License-Identifier: Apache-2.0
// How far a quantized tile is from the values: what policies that try several scales compare.
#pragma once

#include "nibble/arch/arithmetic.hpp"
#include "nibble/arch/lanes/e2m1.hpp"
#include "nibble/arch/lanes/transpose.hpp"
#include "nibble/format/encode.hpp"

namespace nibble::scaling {

#if NIBBLE_HAS_LANES
namespace lanes = arch::lanes;
#endif

/// The sum of squared differences.
struct squared_error {
  NIBBLE_HD static constexpr float add(float sum, float difference) noexcept {
    return arch::add(sum, arch::multiply(difference, difference));
  }
  NIBBLE_HD static constexpr float merge(float a, float b) noexcept { return arch::add(a, b); }
#if NIBBLE_HAS_LANES
  static lanes::floats add(lanes::floats sum, lanes::floats difference) noexcept {
    return lanes::add_square(sum, difference);
  }
#endif
};

/// The sum of absolute differences.
struct absolute_error {
  NIBBLE_HD static constexpr float add(float sum, float difference) noexcept {
    return arch::add(sum, detail::magnitude(difference));
  }
  NIBBLE_HD static constexpr float merge(float a, float b) noexcept { return arch::add(a, b); }
#if NIBBLE_HAS_LANES
  static lanes::floats add(lanes::floats sum, lanes::floats difference) noexcept {
    return lanes::add_magnitude(sum, difference);
  }
#endif
};

/// The largest absolute difference; NaN if there is one.
struct largest_error {
  NIBBLE_HD static constexpr float add(float largest, float difference) noexcept {
    float const magnitude = detail::magnitude(difference);
    // Magnitudes order like their bits, and NaN is above them all: an integer maximum keeps it.
    return detail::float_bits(magnitude) > detail::float_bits(largest) ? magnitude : largest;
  }
  NIBBLE_HD static constexpr float merge(float a, float b) noexcept { return add(a, b); }
#if NIBBLE_HAS_LANES
  static lanes::floats add(lanes::floats largest, lanes::floats difference) noexcept {
    return lanes::larger_magnitude(largest, difference);
  }
#endif
};

#if NIBBLE_HAS_LANES
/// Metrics whose add takes several sums at once: needed for nothing, but faster.
template <class Metric>
concept adds_lanes = requires(lanes::floats sums) {
  { Metric::add(sums, sums) } -> std::same_as<lanes::floats>;
};

/// The errors of lanes::count rows.
template <class Metric, std::size_t Columns, std::size_t Scales>
void rows_errors(float const (*rows)[Columns], float const (&scale)[Scales],
                 float const (&encode)[Scales], float amax, float range,
                 float (*errors)[Scales]) noexcept {
  lanes::floats magnitudes[Columns], scales[Scales], encodes[Scales], sums[Scales];
  lanes::transpose_magnitudes(rows, magnitudes);
  for (std::size_t s = 0; s < Scales; ++s) {
    scales[s] = lanes::floats{} + scale[s];
    encodes[s] = lanes::floats{} + encode[s];
  }
  lanes::e2m1_errors<Metric>(magnitudes, scales, encodes, amax, range, sums);
  for (std::size_t r = 0; r < std::size_t{lanes::count}; ++r) {
    for (std::size_t s = 0; s < Scales; ++s) errors[r][s] = sums[s][r];
  }
}
#endif

/// The errors of a tile from those of its rows: row i takes row i + Rows / 2, then + Rows / 4, down
/// to + 1. Leaves sums as steps of that.
template <class Metric, std::size_t Rows, std::size_t Scales>
NIBBLE_HD constexpr void merge_rows(float (&sums)[Rows][Scales], float (&errors)[Scales]) noexcept {
  for (std::size_t half = Rows / 2; half > 0; half /= 2) {
    for (std::size_t r = 0; r < half; ++r) {
      for (std::size_t s = 0; s < Scales; ++s) {
        sums[r][s] = Metric::merge(sums[r][s], sums[r + half][s]);
      }
    }
  }
  for (std::size_t s = 0; s < Scales; ++s) errors[s] = sums[0][s];
}

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
    if constexpr (Element::format == format::e2m1 && Columns % 16 == 0 && adds_lanes<Metric>) {
      if (!detail::constant_evaluated()) {
        if constexpr (Rows % lanes::count == 0) {
          rows_errors<Metric>(values + r, scale, encode, amax, range, sums + r);
          r += lanes::count - 1;
        } else {
          lanes::e2m1_errors<Metric>(values[r], scale, encode, amax, range, sums[r]);
        }
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
  merge_rows<Metric>(sums, errors);
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
