// SPDX-License-Identifier: Apache-2.0
// The 4-bit element of NVFP4.
#pragma once

#include "nibble/number.hpp"

namespace nibble {

/// A 4-bit number: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives, the elements of NVFP4 and MXFP4.
///
/// shape   one byte, the code in its low nibble; packed holds two to a byte.
/// rule    conversion to nearest; a tie (0.25 0.75 1.25 1.75 2.5 3.5 5) goes to the even code.
/// errors  infinity and too large: +-6. NaN of either sign: +6. -0 and negative underflow: code
///         0x8.
/// bits    identical at compile time, on any CPU, on any GPU; equal to cvt.rn.satfinite.e2m1x2.f32.
/// source  OCP MX 1.0, section 5.3.3; PTX ISA 9.0, cvt; numbers equal to cuda_fp4.h.
class fp4_e2m1 : public number<fp4_e2m1, format::e2m1> {
  using number::number;
};
static_assert(sizeof(fp4_e2m1) == 1);

}  // namespace nibble
