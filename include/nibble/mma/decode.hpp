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
/// rule    bf16: a product with two powers of two takes one copy of a code to where its sign belongs
///         and one to where its magnitude does, and a mask leaves both. Halves have sign and magnitude
///         in their high byte, so four codes at a time become bytes first. Either way eight codes take
///         nine logical instructions and four products.
template <format::float_format To>
NIBBLE_HD constexpr void decode_e2m1(std::uint32_t word, std::uint32_t (&pairs)[4]) noexcept {
  static_assert(To == format::fp16 || To == format::bf16, "got a format that is not 16 bits wide");
  if constexpr (To == format::bf16) {
    std::uint32_t const upper = word >> 8;
    constexpr std::uint32_t kept = 0x81C0'81C0u;
    pairs[0] = (word & 0x000F'000Fu) * 0x1040u & kept;
    pairs[1] = (word & 0x00F0'00F0u) * 0x0104u & kept;
    pairs[2] = (upper & 0x000F'000Fu) * 0x1040u & kept;
    pairs[3] = (upper & 0x00F0'00F0u) * 0x0104u & kept;
  } else {
    std::uint32_t const even = (word << 4 & 0x8080'8080u) | (word << 1 & 0x0E0E'0E0Eu);
    std::uint32_t const odd = (word & 0x8080'8080u) | (word >> 3 & 0x0E0E'0E0Eu);
    pairs[0] = even << 8 & 0xFF00'FF00u;
    pairs[1] = odd << 8 & 0xFF00'FF00u;
    pairs[2] = even & 0xFF00'FF00u;
    pairs[3] = odd & 0xFF00'FF00u;
  }
}

/// How much smaller than its value an element is after decode_to_halves.
template <format::float_format From>
inline constexpr int halves_exponent = From.bias - format::fp16.bias;

/// Two elements, each in the low bits of half a word with zeros above, as halves: their values times
/// 2^halves_exponent<From>, exactly. NaN stays NaN, infinity infinity.
///
/// rule    exponent and mantissa go where a half has its lowest exponent bits and its highest of the
///         mantissa, subnormal or not. (A format that has NaN but no infinity has its NaN put back.)
template <format::float_format From>
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t decode_to_halves(std::uint32_t two) noexcept {
  static_assert(From.is_signed && From.has_zero && From.width() <= 8 && From.exponent_bits <= 5,
                "got a format whose exponent a half does not hold in place");
  constexpr std::uint32_t both = 0x1'0001u;
  std::uint32_t const magnitude = two & both * From.magnitude_mask();
  std::uint32_t const sign = (two & both * From.sign_mask()) << (15 - From.magnitude_width());
  std::uint32_t result = sign | magnitude << (format::fp16.mantissa_bits - From.mantissa_bits);
  if constexpr (From.special == format::specials::nan_only) {
    std::uint32_t const is_nan = (magnitude + both) >> From.magnitude_width() & both;
    result |= is_nan * 0x7FFFu;
  }
  return result;
}

}  // namespace nibble::mma
