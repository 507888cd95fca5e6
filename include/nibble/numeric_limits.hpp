// SPDX-License-Identifier: Apache-2.0
// std::numeric_limits of every number type, derived from its format: nothing is typed in by hand.
#pragma once

#include "nibble/number.hpp"

#if !defined(__CUDACC_RTC__)
#include <limits>
#endif

namespace nibble {

namespace detail {
/// The largest n with 10^n <= bound, for a bound of at least 1.
[[nodiscard]] NIBBLE_HD constexpr int whole_log10(double bound) noexcept {
  int n = 0;
  double power = 10;
  while (power <= bound) {
    power *= 10;
    ++n;
  }
  return n;
}
}  // namespace detail

/// The facts that std::numeric_limits asks for, of any number type.
///
/// rule    as the standard defines them: min_exponent is one more than the exponent of min(), so
///         e2m1 has 1 and 3 (a float has -125 and 128). libcu++'s own limits for CUDA's small types
///         are off by one there.
template <number_type T>
struct limits {
 private:
  static constexpr format::float_format format_ = T::format;
  static constexpr std::uint32_t min_code_ = format_.has_zero ? 1u << format_.mantissa_bits : 0u;
  static NIBBLE_HD constexpr T code(std::uint32_t bits) noexcept { return T::from_bits(bits); }

 public:
  static constexpr bool is_specialized = true;
  static constexpr bool is_signed = format_.is_signed;
  static constexpr bool is_integer = false;
  static constexpr bool is_exact = false;
  static constexpr bool has_infinity = format_.has_infinity();
  static constexpr bool has_quiet_NaN = format_.has_nan();
  static constexpr bool has_signaling_NaN = false;
#if !defined(__CUDACC_RTC__)
  static constexpr std::float_denorm_style has_denorm =
      format_.has_zero && format_.mantissa_bits > 0 ? std::denorm_present : std::denorm_absent;
  static constexpr std::float_round_style round_style =
      format_ == format::e8m0 ? std::round_toward_infinity : std::round_to_nearest;
#endif
  static constexpr bool has_denorm_loss = false;
  static constexpr bool is_iec559 = format_.width() == 16 && has_infinity;
  static constexpr bool is_bounded = true;
  static constexpr bool is_modulo = false;
  static constexpr bool traps = false;
  static constexpr bool tinyness_before = false;
  static constexpr int radix = 2;
  static constexpr int digits = format_.mantissa_bits + 1;
  static constexpr int digits10 = format_.mantissa_bits * 30103 / 100000;  // log10(2) = 0.30103
  static constexpr int max_digits10 = digits * 30103 / 100000 + 2;
  static constexpr int max_exponent =
      static_cast<int>(format_.max_code() >> format_.mantissa_bits) - format_.bias + 1;
  static constexpr int min_exponent = format_.min_exponent() + 1;
  static constexpr int max_exponent10 =
      detail::whole_log10(format::decode<format_>(format_.max_code()));
  static constexpr int min_exponent10 =  // 1 where min() is 2 or 4
      min_exponent > 1 ? 1 : -detail::whole_log10(1 / double{format::decode<format_>(min_code_)});

  /// The smallest positive normal number.
  static NIBBLE_HD constexpr T min() noexcept { return code(min_code_); }
  static NIBBLE_HD constexpr T max() noexcept { return code(format_.max_code()); }
  static NIBBLE_HD constexpr T lowest() noexcept {
    return code(is_signed ? format_.sign_mask() | format_.max_code() : 0u);
  }
  /// The smallest positive number.
  static NIBBLE_HD constexpr T denorm_min() noexcept {
    return format_.has_zero && format_.mantissa_bits > 0 ? code(1u) : min();
  }
  /// The distance from 1 to the next number above it.
  static NIBBLE_HD constexpr T epsilon() noexcept {
    std::uint32_t const one = T(1.0f).bits();
    return T(static_cast<float>(code(one + 1u)) - 1.0f);
  }
  static NIBBLE_HD constexpr T round_error() noexcept {
    return T(format_ == format::e8m0 ? 1.0f : 0.5f);
  }
  static NIBBLE_HD constexpr T infinity() noexcept {
    return code(has_infinity ? format_.first_special() : 0u);
  }
  static NIBBLE_HD constexpr T quiet_NaN() noexcept {
    return code(has_quiet_NaN ? format_.nan_code() : 0u);
  }
  static NIBBLE_HD constexpr T signaling_NaN() noexcept { return code(0u); }
};

}  // namespace nibble

#if !defined(__CUDACC_RTC__)
template <nibble::number_type T>
class std::numeric_limits<T> : public nibble::limits<T> {};
#endif
