// SPDX-License-Identifier: Apache-2.0
// binary16 as storage, so that the core needs no CUDA header.
#pragma once

#include "nibble/number.hpp"

namespace nibble {

/// IEEE binary16 as storage.
///
/// rule    conversion to nearest even.
/// errors  too large: infinity. NaN of either sign: 0x7FFF.
/// bits    identical everywhere; equal to CUDA's __half, which has the same layout.
/// source  IEEE 754-2019, binary16.
class fp16 : public number<fp16, format::fp16> {
  using number::number;
};
static_assert(sizeof(fp16) == 2);

}  // namespace nibble
