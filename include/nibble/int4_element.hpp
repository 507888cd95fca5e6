// SPDX-License-Identifier: Apache-2.0
// A 4-bit integer as an element of a block.
#pragma once

#include "nibble/number.hpp"

namespace nibble {

/// A 4-bit integer from -7 to 7, sign and magnitude: the element of NVINT4.
///
/// rule    conversion to nearest; a tie goes to the even code.
/// errors  infinity and too large: +-7. NaN of either sign: 7. -0 and negative underflow: code 0x8.
/// bits    identical everywhere.
/// source  UFP4, arXiv 2606.20381; IF4, arXiv 2603.28765.
class int4_element : public number<int4_element, format::int4> {
  using number::number;
};
static_assert(sizeof(int4_element) == 1);

}  // namespace nibble
