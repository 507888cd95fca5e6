// SPDX-License-Identifier: Apache-2.0
// A number format is data. Everything else about it (largest value, NaN code, thresholds) is
// derived.
#pragma once

#include "nibble/detail/std.hpp"

namespace nibble::format {

/// What the codes with every exponent bit set mean.
enum class specials {
  none,          // ordinary numbers: the format has neither infinity nor NaN
  nan_only,      // ordinary numbers, but for the code with all magnitude bits set, which is NaN
  infinity_nan,  // as in IEEE 754: infinity with a zero mantissa, NaN otherwise
};

/// A binary floating-point format of up to 16 bits: sign, exponent, mantissa, from the top bit
/// down.
///
/// rule    value = (-1)^sign 2^(e - bias) (1 + m / 2^mantissa_bits), and for e = 0, where has_zero,
///         (-1)^sign 2^(1 - bias) m / 2^mantissa_bits.
/// source  OCP OFP8 1.0; OCP MX 1.0, section 5.3; IEEE 754-2019, section 3.4.
struct float_format {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  specials special = specials::none;
  bool is_signed = true;
  bool has_zero = true;  // E8M0 has none: its code 0 is 2^-127

  [[nodiscard]] NIBBLE_HD constexpr int magnitude_width() const {
    return exponent_bits + mantissa_bits;
  }
  [[nodiscard]] NIBBLE_HD constexpr int width() const {
    return magnitude_width() + (is_signed ? 1 : 0);
  }
  [[nodiscard]] NIBBLE_HD constexpr std::uint32_t magnitude_mask() const {
    return (1u << magnitude_width()) - 1u;
  }
  [[nodiscard]] NIBBLE_HD constexpr std::uint32_t sign_mask() const {
    return is_signed ? 1u << magnitude_width() : 0u;
  }
  [[nodiscard]] NIBBLE_HD constexpr std::uint32_t mask() const {
    return sign_mask() | magnitude_mask();
  }

  /// The exponent of the smallest normal number.
  [[nodiscard]] NIBBLE_HD constexpr int min_exponent() const { return (has_zero ? 1 : 0) - bias; }

  [[nodiscard]] NIBBLE_HD constexpr bool has_nan() const { return special != specials::none; }
  [[nodiscard]] NIBBLE_HD constexpr bool has_infinity() const {
    return special == specials::infinity_nan;
  }
  /// The magnitude of infinity, where there is one; otherwise of NaN; otherwise one past the end.
  [[nodiscard]] NIBBLE_HD constexpr std::uint32_t first_special() const {
    if (special == specials::none) return magnitude_mask() + 1u;
    if (special == specials::nan_only) return magnitude_mask();
    return magnitude_mask() & ~((1u << mantissa_bits) - 1u);
  }
  /// The code of the largest finite number.
  [[nodiscard]] NIBBLE_HD constexpr std::uint32_t max_code() const { return first_special() - 1u; }
  /// What NaN of either sign becomes: the code with all magnitude bits set. Where that is no NaN it
  /// is the largest number, with a plus sign, as the hardware does it.
  [[nodiscard]] NIBBLE_HD constexpr std::uint32_t nan_code() const { return magnitude_mask(); }

  [[nodiscard]] NIBBLE_HD constexpr bool is_nan(std::uint32_t code) const {
    return has_nan() && (code & magnitude_mask()) >= first_special() + (has_infinity() ? 1u : 0u);
  }
  [[nodiscard]] NIBBLE_HD constexpr bool is_infinity(std::uint32_t code) const {
    return has_infinity() && (code & magnitude_mask()) == first_special();
  }

  NIBBLE_HD friend constexpr bool operator==(float_format const& a, float_format const& b) {
    return a.exponent_bits == b.exponent_bits && a.mantissa_bits == b.mantissa_bits &&
           a.bias == b.bias && a.special == b.special && a.is_signed == b.is_signed &&
           a.has_zero == b.has_zero;
  }
};

inline constexpr float_format e2m1{2, 1, 1};                           // 0 .5 1 1.5 2 3 4 6
inline constexpr float_format e2m3{2, 3, 1};                           // up to 7.5
inline constexpr float_format e3m2{3, 2, 3};                           // up to 28
inline constexpr float_format e4m3{4, 3, 7, specials::nan_only};       // up to 448
inline constexpr float_format e5m2{5, 2, 15, specials::infinity_nan};  // up to 57344
inline constexpr float_format e8m0{8, 0, 127, specials::nan_only, false, false};  // 2^-127..2^127
inline constexpr float_format ue5m3{5, 3, 15, specials::nan_only, false};         // up to 114688
inline constexpr float_format bf16{8, 7, 127, specials::infinity_nan};
inline constexpr float_format fp16{5, 10, 15, specials::infinity_nan};
inline constexpr float_format e1m2{1, 2, 1};   // uniform: 0 .25 .5 ... 1.75
inline constexpr float_format int4{1, 2, -1};  // uniform: 0 1 2 ... 7, sign and magnitude

}  // namespace nibble::format
