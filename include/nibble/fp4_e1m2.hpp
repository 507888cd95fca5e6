// SPDX-License-Identifier: Apache-2.0
// A 4-bit number with one bit of exponent: a uniform grid.
#pragma once

#include "nibble/number.hpp"

namespace nibble {

/// A 4-bit number: 0, 0.25, 0.5, ... 1.75 and their negatives: int4_element / 4, bit for bit.
///
/// rule    conversion to nearest; a tie goes to the even code.
/// errors  infinity and too large: +-1.75. NaN of either sign: 1.75.
/// bits    identical everywhere.
/// source  UFP4, arXiv 2606.20381.
class fp4_e1m2 : public number<fp4_e1m2, format::e1m2> {
  using number::number;
};
static_assert(sizeof(fp4_e1m2) == 1);

}  // namespace nibble
