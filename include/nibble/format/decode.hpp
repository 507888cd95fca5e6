// SPDX-License-Identifier: Apache-2.0
// From a code to the number it stands for. Exact: every format of up to 16 bits fits a float.
#pragma once

#include "nibble/detail/bits.hpp"
#include "nibble/format/float_format.hpp"

namespace nibble::format {

/// The value of a code.
///
/// shape   code: the low Format.width() bits count, higher bits are ignored.
/// rule    see float_format; integer arithmetic only, so subnormals survive flush-to-zero.
/// errors  a NaN code gives a NaN that keeps the sign and the mantissa bits, quiet but for bf16's
///         own signalling ones.
/// bits    identical everywhere.
template <float_format Format>
[[nodiscard]] NIBBLE_HD constexpr float decode(std::uint32_t code) noexcept {
  if constexpr (Format == bf16) return detail::float_from_bits(code << 16);  // half of a float
  std::uint32_t const magnitude = code & Format.magnitude_mask();
  std::uint32_t const sign = (code & Format.sign_mask()) != 0 ? 0x8000'0000u : 0u;
  std::uint32_t const mantissa = magnitude & ((1u << Format.mantissa_bits) - 1u);
  auto const exponent = static_cast<int>(magnitude >> Format.mantissa_bits);
  constexpr int mantissa_shift = 23 - Format.mantissa_bits;

  if (Format.is_nan(magnitude)) {
    return detail::float_from_bits(sign | 0x7FC0'0000u | (mantissa << mantissa_shift));
  }
  if (Format.is_infinity(magnitude)) return detail::float_from_bits(sign | detail::infinity_bits);

  bool const is_normal = exponent > 0 || !Format.has_zero;
  // value = significand * 2^(unit - mantissa_bits)
  std::uint32_t significand = mantissa;
  int unit = Format.min_exponent();
  if (is_normal) {
    significand |= 1u << Format.mantissa_bits;
    unit = exponent - Format.bias;
  }
  if (significand == 0) return detail::float_from_bits(sign);

  int const leading = detail::bit_width(significand) - 1;
  int const float_exponent = unit - Format.mantissa_bits + leading;
  std::uint32_t const aligned = significand << (23 - leading);
  if (float_exponent < -126)
    return detail::float_from_bits(sign | aligned >> (-126 - float_exponent));
  auto const biased = static_cast<std::uint32_t>(float_exponent + 127);
  return detail::float_from_bits(sign | biased << 23 | (aligned & 0x007F'FFFFu));
}

/// Every value of a format of at most 8 bits, in the order of the codes.
template <float_format Format>
struct value_table {
  float value[std::size_t{1} << Format.width()];  // by code

  consteval value_table() : value{} {
    for (std::uint32_t code = 0; code <= Format.mask(); ++code) value[code] = decode<Format>(code);
  }
};
template <float_format Format>
inline constexpr value_table<Format> values_of{};

}  // namespace nibble::format
