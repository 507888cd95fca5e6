// SPDX-License-Identifier: Apache-2.0
// The largest magnitude of a tensor, the only thing about it that a quantizer needs to know.
#pragma once

#include "nibble/detail/bits.hpp"

namespace nibble {

/// The largest |x| of a tensor (or of a row, or of a 1x128 block), NaN aside. Scales are derived
/// from it where they are needed and never stored, since they would then be rounded twice.
///
/// errors  a value below 0 is no magnitude; what a matrix is quantized to under it is undefined.
struct tensor_amax {
  float value;
};

/// The bits of |value|, or 0 for NaN: an integer whose maximum is the bits of the largest
/// magnitude. (A float maximum is not safe: what std::fmax does with a signalling NaN depends on
/// the compiler.)
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t amax_bits(float value) noexcept {
  std::uint32_t const bits = detail::magnitude_bits(value);
  return bits > detail::infinity_bits ? 0u : bits;
}

}  // namespace nibble
