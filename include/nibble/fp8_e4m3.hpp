// SPDX-License-Identifier: Apache-2.0
// The 8-bit number that scales a block of NVFP4.
#pragma once

#include "nibble/number.hpp"

namespace nibble {

/// An 8-bit number from 2^-9 to 448: the block scale of NVFP4 and the element of MXFP8.
///
/// rule    conversion to nearest even; 2^-10 is a tie between 0 and 2^-9 and becomes 0.
/// errors  infinity and too large: +-448. NaN of either sign: 0x7F. The sign of zero is kept.
/// bits    identical everywhere; equal to cvt.rn.satfinite.e4m3x2.f32.
/// source  OCP OFP8 1.0 (E4M3: no infinity, NaN only at all ones).
class fp8_e4m3 : public number<fp8_e4m3, format::e4m3> {
  using number::number;
};
static_assert(sizeof(fp8_e4m3) == 1);

}  // namespace nibble
