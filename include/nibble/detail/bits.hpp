// SPDX-License-Identifier: Apache-2.0
// Bit operations that work in constant expressions, on the host and on the device alike. (The
// functions of <bit> are host functions: nvcc compiles a call from device code and only warns.)
#pragma once

#include "nibble/detail/std.hpp"

namespace nibble::detail {

/// The object representation of `from`, read as a `To`.
template <class To, class From>
[[nodiscard]] NIBBLE_HD constexpr To bit_cast(From const& from) noexcept {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

/// True while the compiler evaluates a constant expression: hardware paths must then be left out.
[[nodiscard]] NIBBLE_HD constexpr bool constant_evaluated() noexcept {
  return __builtin_is_constant_evaluated();
}

/// The IEEE bits of a float.
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t float_bits(float value) noexcept {
  return bit_cast<std::uint32_t>(value);
}

/// The float whose IEEE bits are given.
[[nodiscard]] NIBBLE_HD constexpr float float_from_bits(std::uint32_t bits) noexcept {
  return bit_cast<float>(bits);
}

/// The bits of |value|: they order like the magnitudes, and every NaN is above infinity.
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t magnitude_bits(float value) noexcept {
  return float_bits(value) & 0x7FFF'FFFFu;
}

inline constexpr std::uint32_t infinity_bits = 0x7F80'0000u;
inline constexpr float largest_float = 0x1.FFFFFEp127f;

/// |value|, by clearing the sign bit: no comparison that a NaN could upset.
[[nodiscard]] NIBBLE_HD constexpr float magnitude(float value) noexcept {
  return float_from_bits(magnitude_bits(value));
}

/// `value`, but every NaN as 0x7FC00000: which NaN an operation yields differs between x86, Arm and
/// GPUs.
[[nodiscard]] NIBBLE_HD constexpr float canonical(float value) noexcept {
  return magnitude_bits(value) > infinity_bits ? float_from_bits(0x7FC0'0000u) : value;
}

/// How many bits `value` needs: position of its highest one, plus one; 0 for 0.
[[nodiscard]] NIBBLE_HD constexpr int bit_width(std::uint64_t value) noexcept {
  int width = 0;
  for (int step = 32; step > 0; step /= 2) {
    if ((value >> step) != 0) {
      value >>= step;
      width += step;
    }
  }
  return width + static_cast<int>(value);
}

/// The smallest integer not below numerator / denominator, for non-negative arguments.
template <class Integer>
[[nodiscard]] NIBBLE_HD constexpr Integer ceil_div(Integer numerator,
                                                   Integer denominator) noexcept {
  return numerator / denominator + (numerator % denominator != 0 ? 1 : 0);
}

}  // namespace nibble::detail
