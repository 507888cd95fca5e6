// SPDX-License-Identifier: Apache-2.0
// The power-of-two scale of the MX formats.
#pragma once

#include "nibble/number.hpp"

namespace nibble {

/// A power of two from 2^-127 to 2^127: the block scale of the OCP MX formats.
///
/// rule    conversion takes the magnitude and rounds it up to a power of two, as CUDA's own
///         constructor does; 0 and everything up to 2^-127 becomes 2^-127 (code 0).
/// errors  infinity and too large: 2^127. NaN: 0xFF. There is no zero and no sign.
/// bits    identical everywhere; equal to cvt.rp.satfinite.ue8m0x2.f32 of the magnitude.
/// source  OCP MX 1.0, section 5.4.1; cuda_fp8.h.
class e8m0 : public number<e8m0, format::e8m0> {
  using number::number;
};
static_assert(sizeof(e8m0) == 1);

}  // namespace nibble
