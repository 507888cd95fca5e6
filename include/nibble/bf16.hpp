// SPDX-License-Identifier: Apache-2.0
// bfloat16 as storage, so that the core needs no CUDA header.
#pragma once

#include "nibble/number.hpp"

namespace nibble {

/// bfloat16 as storage: the upper half of a float.
///
/// rule    conversion to nearest even.
/// errors  too large: infinity. NaN of either sign: 0x7FFF.
/// bits    identical everywhere; equal to CUDA's __nv_bfloat16, which has the same layout.
/// source  IEEE 754-2019 rules on 8 exponent and 7 mantissa bits.
class bf16 : public number<bf16, format::bf16> {
  using number::number;
};
static_assert(sizeof(bf16) == 2);

}  // namespace nibble
