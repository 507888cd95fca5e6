// SPDX-License-Identifier: Apache-2.0
// The 8-bit number with range in place of precision.
#pragma once

#include "nibble/number.hpp"

namespace nibble {

/// An 8-bit number from 2^-16 to 57344, with infinity and NaN as in IEEE 754.
///
/// errors  infinity and too large: +-57344 (from_bits makes infinities). NaN of either sign: 0x7F.
/// bits    identical everywhere; equal to cvt.rn.satfinite.e5m2x2.f32.
/// source  OCP OFP8 1.0.
class fp8_e5m2 : public number<fp8_e5m2, format::e5m2> {
  using number::number;
};
static_assert(sizeof(fp8_e5m2) == 1);

}  // namespace nibble
