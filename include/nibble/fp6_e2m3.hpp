// SPDX-License-Identifier: Apache-2.0
// The finer of the two 6-bit elements of MXFP6.
#pragma once

#include "nibble/number.hpp"

namespace nibble {

/// A 6-bit number: multiples of 1/8 up to 2, of 1/4 up to 4, of 1/2 up to 7.5.
///
/// shape   one byte, the code in its low six bits.
/// errors  infinity and too large: +-7.5. NaN of either sign: +7.5. The sign of zero is kept.
/// bits    identical everywhere; equal to cvt.rn.satfinite.e2m3x2.f32.
/// source  OCP MX 1.0, section 5.3.2.
class fp6_e2m3 : public number<fp6_e2m3, format::e2m3> {
  using number::number;
};
static_assert(sizeof(fp6_e2m3) == 1);

}  // namespace nibble
