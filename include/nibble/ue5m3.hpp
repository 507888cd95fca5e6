// SPDX-License-Identifier: Apache-2.0
// A block scale with the range of half precision.
#pragma once

#include "nibble/number.hpp"

namespace nibble {

/// An unsigned 8-bit number from 2^-17 to 114688: a block scale that needs no tensor scale.
///
/// errors  infinity and too large: 114688. NaN: 0xFF. Negative numbers and -0: 0.
/// bits    identical everywhere.
/// source  arXiv 2609.02846; the range with NaN at all ones only, as in PTX ISA 9.4.
class ue5m3 : public number<ue5m3, format::ue5m3> {
  using number::number;
};
static_assert(sizeof(ue5m3) == 1);

}  // namespace nibble
