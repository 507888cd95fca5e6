// SPDX-License-Identifier: Apache-2.0
// From a float or double to the code of any format, in integer arithmetic and one rounding.
#pragma once

#include "nibble/detail/bits.hpp"
#include "nibble/format/decode.hpp"
#include "nibble/format/rounding_rule.hpp"

namespace nibble::format {

/// What becomes of numbers beyond the largest finite one.
enum class overflow {
  saturate,    // the largest finite number, infinity included
  to_special,  // infinity, or NaN where the format has no infinity
};

/// A number taken apart: significand * 2^exponent, the highest bit of the significand at `top`.
struct dissected {
  bool is_negative;
  bool is_nan;
  bool is_infinite;
  int exponent;  // of the highest bit
  std::uint64_t significand;
};

/// Sign, exponent and significand of a float or double; subnormals come out normalised.
template <class Real>
[[nodiscard]] NIBBLE_HD constexpr dissected dissect(Real value) noexcept {
  constexpr bool is_float = std::is_same_v<Real, float>;
  static_assert(is_float || std::is_same_v<Real, double>, "got another type; need float or double");
  using bits_type = std::conditional_t<is_float, std::uint32_t, std::uint64_t>;
  constexpr int top = is_float ? 23 : 52;
  constexpr int bias = is_float ? 127 : 1023;

  std::uint64_t const bits = detail::bit_cast<bits_type>(value);
  std::uint64_t const mantissa = bits & ((std::uint64_t{1} << top) - 1u);
  auto const field = static_cast<int>(bits >> top) & (2 * bias + 1);
  dissected d{(bits >> (is_float ? 31 : 63)) != 0, false, false, field - bias,
              mantissa | std::uint64_t{1} << top};
  if (field == 0) {
    int const shift = top + 1 - detail::bit_width(mantissa);
    d.exponent = 1 - bias - shift;
    d.significand = mantissa << shift;  // 0 stays 0, far below every format
  } else if (field == 2 * bias + 1) {
    d.is_nan = mantissa != 0;
    d.is_infinite = mantissa == 0;
  }
  return d;
}

/// The code of the number that `value` rounds to.
///
/// rule    one rounding by Rule; the sign is kept, also of -0 and of what rounds to zero. An
///         unsigned format takes the magnitude where it has no zero (E8M0, as CUDA's constructor)
///         and gives code 0 for negative numbers otherwise.
/// errors  NaN of either sign: Format.nan_code(). Infinity and too large numbers: as Overflow says,
///         but toward_zero takes a finite number to the largest one.
/// bits    identical everywhere.
/// source  OCP MX 1.0; PTX ISA, cvt with .satfinite.
template <float_format Format, class Rule = nearest_even, overflow Overflow = overflow::saturate,
          class Real>
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t encode(Real value,
                                                       std::uint32_t random = 0) noexcept {
  constexpr int top = std::is_same_v<Real, float> ? 23 : 52;
  constexpr int bottom = Format.min_exponent();
  dissected const d = dissect(value);
  if (d.is_nan) return Format.nan_code();
  if (!Format.is_signed && Format.has_zero && d.is_negative) return 0;

  std::uint32_t const sign = d.is_negative ? Format.sign_mask() : 0u;
  constexpr std::uint32_t overflow_code =
      Overflow == overflow::saturate
          ? Format.max_code()
          : (Format.has_nan() ? Format.first_special() : Format.max_code());
  if (d.is_infinite) return sign | overflow_code;

  // The unit in the last place of the code's binade sits `shift` bits above the significand's.
  int const exponent = d.exponent > bottom ? d.exponent : bottom;
  int const shift = top - Format.mantissa_bits + (exponent - d.exponent);
  std::uint64_t kept = 0;
  std::uint64_t fraction = d.significand != 0 ? 1 : 0;
  if (shift < 64) {
    kept = d.significand >> shift;
    fraction = d.significand << (64 - shift);
  } else if (shift < 128) {
    fraction |= d.significand >> (shift - 64);
  }
  // Codes count magnitudes in order, so a carry out of the mantissa lands in the exponent by
  // itself.
  constexpr std::int64_t hidden_bit = Format.has_zero ? 0 : std::int64_t{1} << Format.mantissa_bits;
  std::int64_t code = (static_cast<std::int64_t>(exponent - bottom) << Format.mantissa_bits) +
                      static_cast<std::int64_t>(kept) - hidden_bit;
  if (Rule::goes_up(remainder{(code & 1) != 0, fraction}, random)) ++code;
  if (code < 0) return sign;
  // A rule that never goes up keeps even the largest float finite, as IEEE 754 has it.
  constexpr bool can_go_up = Rule::goes_up(remainder{true, ~std::uint64_t{0}}, ~0u);
  if (code > static_cast<std::int64_t>(Format.max_code())) {
    return sign | (can_go_up ? overflow_code : Format.max_code());
  }
  return sign | static_cast<std::uint32_t>(code);
}

/// encode<Format>(value) for formats of less exponent range than a float, in 32-bit arithmetic:
/// what a block scale goes through, once for every 16 elements.
///
/// rule    as encode with nearest_even and saturation.
/// bits    identical everywhere; equal to encode<Format>.
template <float_format Format>
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t encode_nearest_even(float value) noexcept {
  static_assert(Format.exponent_bits < 8 && Format.has_zero,
                "got a format with the range of a float");
  constexpr int drop = 23 - Format.mantissa_bits;
  constexpr std::uint32_t smallest_normal_field = 127 + Format.min_exponent();
  std::uint32_t const bits = detail::float_bits(value);
  std::uint32_t const magnitude = bits & 0x7FFF'FFFFu;
  if (magnitude > detail::infinity_bits) return Format.nan_code();
  bool const is_negative = bits >> 31 != 0;
  if (!Format.is_signed && is_negative) return 0;

  std::uint32_t const field = magnitude >> 23;
  std::uint32_t code = 0;
  if (field >= smallest_normal_field) {
    std::uint32_t const odd = magnitude >> drop & 1u;
    std::uint32_t const rounded = (magnitude + ((1u << (drop - 1)) - 1u) + odd) >> drop;
    code = rounded - ((smallest_normal_field - 1u) << Format.mantissa_bits);
    code = code < Format.max_code() ? code : Format.max_code();
  } else if (field + 24u >= smallest_normal_field) {  // below that it is less than half a step
    std::uint32_t const shift = static_cast<std::uint32_t>(drop) + smallest_normal_field - field;
    std::uint32_t const significand = (magnitude & 0x007F'FFFFu) | 0x0080'0000u;
    if (shift < 32) {
      std::uint32_t const odd = significand >> shift & 1u;
      code = (significand + ((1u << (shift - 1)) - 1u) + odd) >> shift;
    }
  }
  return code | (is_negative ? Format.sign_mask() : 0u);
}

/// The bits of the smallest float whose nearest-even code is `code` or more. Derived from decode, so
/// that comparing against it is exact by construction.
template <float_format Format>
[[nodiscard]] NIBBLE_HD consteval std::uint32_t nearest_even_threshold(
    std::uint32_t code) noexcept {
  float const middle = (decode<Format>(code - 1u) + decode<Format>(code)) / 2;
  return detail::float_bits(middle) + (code & 1u);  // a tie goes to the even neighbour
}

/// How many of the thresholds of the codes from Code up a magnitude reaches. The sign of a difference,
/// not a comparison: of comparisons g++ 12 makes branches, since thresholds are in order, and 7 of them
/// that nothing predicts take ten times as long.
template <float_format Format, std::uint32_t Code = 1>
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t thresholds_reached(
    std::uint32_t magnitude) noexcept {
  std::uint32_t const reached = (nearest_even_threshold<Format>(Code) - 1u - magnitude) >> 31;
  if constexpr (Code < Format.max_code()) {
    return reached + thresholds_reached<Format, Code + 1>(magnitude);
  } else {
    return reached;
  }
}

/// encode<Format>(value) for formats of at most 4 bits, as a count of thresholds.
///
/// rule    the code is the number of thresholds that |value| reaches. No branch, no shift by a
///         variable, no float operation: g++ and clang turn a loop over it into SIMD code.
/// errors  NaN is above every threshold and loses its sign: the largest code, positive.
/// bits    identical everywhere; equal to encode<Format>.
template <float_format Format>
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t encode_by_comparison(float value) noexcept {
  static_assert(Format.width() <= 4 && Format.is_signed && !Format.has_nan(),
                "got a wide format; comparisons pay off up to 4 bits, use encode");
  std::uint32_t const bits = detail::float_bits(value);
  std::uint32_t const magnitude = bits & 0x7FFF'FFFFu;
  std::uint32_t const code = thresholds_reached<Format>(magnitude);
  std::uint32_t const sign = (bits >> 31) << Format.magnitude_width();
  return code | (magnitude > detail::infinity_bits ? 0u : sign);
}

}  // namespace nibble::format
