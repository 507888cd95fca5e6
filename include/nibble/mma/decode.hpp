// SPDX-License-Identifier: Apache-2.0
// Codes to 16-bit floats inside registers, eight at a time: what tensor cores without 4-bit operands
// multiply.
#pragma once

#include "nibble/format/float_format.hpp"

namespace nibble::mma {

/// How much smaller than its value a decoded code is: 2^-14 in halves, 2^-126 in bf16. The code's
/// exponent and mantissa are put where the wider format has its lowest three bits of both, subnormal
/// or not; whoever multiplies by a scale or sums puts the factor back.
template <format::float_format To>
inline constexpr int decoded_exponent = 1 - To.bias;

/// The eight e2m1 codes of a word: pairs[j] holds element j in its low half, j + 4 in its high one,
/// each its value times 2^decoded_exponent<To>, exactly.
///
/// rule    a shift for the sign, a shift for the magnitude, and two three-input operations to mask
///         and merge: 15 instructions for eight codes.
template <format::float_format To>
NIBBLE_HD constexpr void decode_e2m1(std::uint32_t word, std::uint32_t (&pairs)[4]) noexcept {
  static_assert(To == format::fp16 || To == format::bf16, "got a format that is not 16 bits wide");
  constexpr int lowest = To.mantissa_bits - 1;  // of the magnitude's three bits
  constexpr std::uint32_t magnitude = (7u << lowest) * 0x1'0001u;
  for (int j = 0; j < 4; ++j) {
    std::uint32_t const sign = word << (12 - 4 * j) & 0x8000'8000u;
    int const up = lowest - 4 * j;
    pairs[j] = sign | ((up >= 0 ? word << up : word >> -up) & magnitude);
  }
}

}  // namespace nibble::mma
