// SPDX-License-Identifier: Apache-2.0
// The wider of the two 6-bit elements of MXFP6.
#pragma once

#include "nibble/number.hpp"

namespace nibble {

/// A 6-bit number from 1/16 (the smallest above zero) to 28.
///
/// shape   one byte, the code in its low six bits.
/// errors  infinity and too large: +-28. NaN of either sign: +28. The sign of zero is kept.
/// bits    identical everywhere; equal to cvt.rn.satfinite.e3m2x2.f32.
/// source  OCP MX 1.0, section 5.3.2.
class fp6_e3m2 : public number<fp6_e3m2, format::e3m2> {
  using number::number;
};
static_assert(sizeof(fp6_e3m2) == 1);

}  // namespace nibble
