// SPDX-License-Identifier: Apache-2.0
// The customization point between number types and hardware: one instruction where the target has
// it, format/ everywhere else, the same bytes from both.
#pragma once

#include "nibble/arch/features.hpp"
#include "nibble/arch/lanes/e2m1.hpp"
#include "nibble/format/encode.hpp"
#if NIBBLE_HAS_DEVICE
#include "nibble/arch/e2m1.cuh"
#include "nibble/arch/ptx.cuh"
#endif

namespace nibble::arch {

/// Nearest-even, saturating code of `value` in Format.
template <format::float_format Format>
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t encode(float value) noexcept {
#if NIBBLE_HAS_CVT_E4M3
  if constexpr (Format == format::e4m3) {
    if (!detail::constant_evaluated()) {
      return ptx::cvt_rn_satfinite_e4m3x2_f32(value, 0.0f) & 0xFFu;
    }
  }
#endif
#if NIBBLE_HAS_DEVICE
  if constexpr (Format == format::bf16) {
    if (!detail::constant_evaluated()) return ptx::cvt_rn_bf16_f32(value);
  }
#endif
  if constexpr (Format == format::bf16) {
    // The upper half of a float, so that rounding is an integer addition: short, and it vectorises.
    std::uint32_t const bits = detail::float_bits(value);
    bool const is_nan = (bits & 0x7FFF'FFFFu) > 0x7F80'0000u;
    return is_nan ? 0x7FFFu : (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
  } else if constexpr (Format == format::e8m0) {
    return format::encode<Format, format::away_from_zero>(value);  // as CUDA's own constructor
  } else if constexpr (Format.width() <= 4 && !Format.has_nan() && Format.is_signed) {
    return format::encode_by_comparison<Format>(value);
  } else if constexpr (Format.has_infinity() && Format.width() == 16) {
    return format::encode<Format, format::nearest_even, format::overflow::to_special>(value);
  } else if constexpr (Format.exponent_bits < 8 && Format.has_zero) {
    return format::encode_nearest_even<Format>(value);
  } else {
    return format::encode<Format>(value);
  }
}

/// The same of a double, still with one rounding.
template <format::float_format Format>
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t encode(double value) noexcept {
  if constexpr (Format == format::e8m0) {
    return format::encode<Format, format::away_from_zero>(value);
  } else if constexpr (Format.has_infinity() && Format.width() == 16) {
    return format::encode<Format, format::nearest_even, format::overflow::to_special>(value);
  } else {
    return format::encode<Format>(value);
  }
}

/// The value of a code of Format.
template <format::float_format Format>
[[nodiscard]] NIBBLE_HD constexpr float decode(std::uint32_t code) noexcept {
#if !NIBBLE_HAS_DEVICE
  if constexpr (Format.width() <= 8) {
    if (!detail::constant_evaluated()) return format::values_of<Format>.value[code & Format.mask()];
  }
#else
  if constexpr (Format.has_zero && Format.exponent_bits < 8 && Format.bias >= 0) {
    if (!detail::constant_evaluated()) {
      // The code's magnitude where a float has exponent and mantissa is the value times 2^(bias -
      // 127), subnormal or not: one exact product makes it right. No branch, no count of leading
      // zeros.
      constexpr float factor =
          format::decode<format::bf16>(static_cast<std::uint32_t>(254 - Format.bias) << 7);
      std::uint32_t const magnitude = code & Format.magnitude_mask();
      std::uint32_t const sign = (code & Format.sign_mask()) != 0 ? 0x8000'0000u : 0u;
      if (magnitude < Format.first_special()) {
        auto const bits = magnitude << (23 - Format.mantissa_bits) | sign;
        return ptx::mul_rn_f32(detail::float_from_bits(bits), factor);
      }
    }
  }
#endif
  return format::decode<Format>(code);
}

/// Eight e2m1 codes in one word, nearest even and saturating, value 0 in the lowest nibble.
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t encode_e2m1x8(float const (&values)[8]) noexcept {
#if NIBBLE_HAS_CVT_E2M1
  if (!detail::constant_evaluated()) return ptx::cvt_rn_satfinite_e2m1x8_f32(values);
#elif NIBBLE_HAS_DEVICE
  if (!detail::constant_evaluated()) return encode_e2m1x8_by_addition(values);
#endif
  std::uint32_t codes = 0;
  for (int i = 0; i < 8; ++i) codes |= encode<format::e2m1>(values[i]) << (4 * i);
  return codes;
}

/// N e2m1 codes, nearest even and saturating, packed two to a byte, the first in the low nibble.
template <std::size_t N>
NIBBLE_HD constexpr void encode_e2m1(float const (&values)[N],
                                     std::uint8_t (&codes)[N / 2]) noexcept {
  static_assert(N % 8 == 0, "got a count that is no multiple of 8; need whole words of codes");
#if NIBBLE_HAS_LANES
  if constexpr (N % 16 == 0) {
    if (!detail::constant_evaluated()) return lanes::encode_e2m1(values, codes);
  }
#endif
  for (std::size_t first = 0; first < N; first += 8) {
    float eight[8]{};
    for (std::size_t i = 0; i < 8; ++i) eight[i] = values[first + i];
    std::uint32_t const word = encode_e2m1x8(eight);
    for (std::size_t byte = 0; byte < 4; ++byte) {
      codes[first / 2 + byte] = static_cast<std::uint8_t>(word >> (8 * byte));
    }
  }
}

}  // namespace nibble::arch
