// SPDX-License-Identifier: Apache-2.0
// Roundings of exact values to the formats that instructions name, told by their counts of bits.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace interpreter {

/// An exact sum in two parts: high is the sum rounded to nearest, low what it leaves.
struct two_doubles {
  double high, low;
};

[[nodiscard]] inline two_doubles exact_sum(double a, double b) {
  double const sum = a + b;
  if (!std::isfinite(sum)) return {sum, 0};
  double const of_b = sum - a;
  return {sum, (a - (sum - of_b)) + (b - of_b)};
}

/// a + b with its last bit set where it is not exact: a second rounding then errs nowhere.
[[nodiscard]] inline double sum_to_odd(double a, double b) {
  auto const [high, low] = exact_sum(a, b);
  if (low == 0 || !std::isfinite(high)) return high;
  auto const bits = std::bit_cast<std::uint64_t>(high);
  if (bits % 2 == 1) return high;
  return std::bit_cast<double>((low > 0) == (high > 0) ? bits + 1 : bits - 1);
}

/// The sum of products and what it is added to, as tensor cores here give it.
[[nodiscard]] inline float rounded_sum(double sum, float c) {
  auto const result = static_cast<float>(sum_to_odd(sum, c));
  return result == result ? result : std::bit_cast<float>(0x7FFFFFFFu);
}

[[nodiscard]] inline float toward_zero(two_doubles a) {
  auto const nearest = static_cast<float>(a.high);
  if (nearest != nearest || std::isinf(a.high)) return nearest;
  double const excess = std::fabs(static_cast<double>(nearest)) - std::fabs(a.high);
  bool const is_beyond = excess > 0 || (excess == 0 && a.low != 0 && (a.low > 0) != (a.high > 0));
  return is_beyond ? std::nextafter(nearest, 0.0f) : nearest;
}

enum class rounding : std::uint8_t { nearest_even, toward_zero, down, up, nearest_away };

[[nodiscard]] inline double rounded_to_integer(double a, rounding how) {
  switch (how) {
    case rounding::toward_zero:
      return std::trunc(a);
    case rounding::down:
      return std::floor(a);
    case rounding::up:
      return std::ceil(a);
    case rounding::nearest_away:
      return std::round(a);
    default:
      return std::nearbyint(a);
  }
}

/// A format of up to 16 bits. Those of 8 and more have a NaN, those of fewer make it their largest value: with
/// either all bits but the sign are ones.
template <int Fraction, int Bias, int Width, bool HasInfinity = false>
struct format {
  static constexpr int fraction = Fraction, bias = Bias, width = Width;
  static constexpr bool has_infinity = HasInfinity, has_nan = Width >= 8;
  static constexpr unsigned nan = (1u << (Width - 1)) - 1;
  static constexpr unsigned infinity = nan >> Fraction << Fraction;  // where there is one
  static constexpr unsigned largest = HasInfinity ? infinity - 1 : has_nan ? nan - 1 : nan;
};
using f16_format = format<10, 15, 16, true>;
using bf16_format = format<7, 127, 16, true>;
using e4m3_format = format<3, 7, 8>;
using e5m2_format = format<2, 15, 8, true>;
using e2m3_format = format<3, 1, 6>;
using e3m2_format = format<2, 3, 6>;
using e2m1_format = format<1, 1, 4>;

template <class Format>
[[nodiscard]] double widen(unsigned bits) {
  constexpr unsigned sign = 1u << (Format::width - 1);
  unsigned const magnitude = bits & (sign - 1),
                 fraction = magnitude & ((1u << Format::fraction) - 1);
  double result;
  if (magnitude > Format::largest) {
    bool const is_infinite = Format::has_infinity && magnitude == Format::infinity;
    result = is_infinite ? std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  } else {
    int const field = static_cast<int>(magnitude >> Format::fraction);
    int const exponent = std::max(field, 1) - Format::bias - Format::fraction;
    result = std::ldexp(static_cast<double>(fraction + (field > 0 ? 1u << Format::fraction : 0u)),
                        exponent);
  }
  return bits & sign ? -result : result;
}

/// The largest finite value. What lies beyond it after rounding becomes an infinity or, where the format has none
/// or where asked to, this.
template <class Format>
inline double const limit = widen<Format>(Format::largest);

/// The bits of a value, exact or rounded to odd, in a format.
template <class Format>
[[nodiscard]] std::uint16_t narrow(double a, rounding how = rounding::nearest_even,
                                   bool is_saturating = false) {
  if (a != a) return static_cast<std::uint16_t>(Format::nan);
  unsigned const sign = std::signbit(a) ? 1u << (Format::width - 1) : 0;
  double const magnitude = std::fabs(a);
  // Down and up are of the signed value.
  rounding const toward = how == rounding::down ? (sign ? rounding::up : rounding::toward_zero)
                          : how == rounding::up ? (sign ? rounding::toward_zero : rounding::up)
                                                : how;
  constexpr int smallest = 1 - Format::bias;
  double result = magnitude;
  if (std::isfinite(magnitude) && magnitude > 0) {
    int const exponent = std::max(std::ilogb(magnitude), smallest) - Format::fraction;
    result = std::ldexp(rounded_to_integer(std::ldexp(magnitude, -exponent), toward), exponent);
  }
  if (result > limit<Format>) {
    bool const stops = is_saturating || !Format::has_infinity ||
                       (toward == rounding::toward_zero && std::isfinite(magnitude));
    result = stops ? limit<Format> : std::numeric_limits<double>::infinity();
  }
  if (std::isinf(result)) return static_cast<std::uint16_t>(sign | Format::infinity);
  if (result == 0) return static_cast<std::uint16_t>(sign);
  int const exponent = std::max(std::ilogb(result), smallest);
  auto const steps = static_cast<unsigned>(std::ldexp(result, Format::fraction - exponent));
  // A normal number's leading one adds one to the exponent field.
  return static_cast<std::uint16_t>(
      sign | ((static_cast<unsigned>(exponent - smallest) << Format::fraction) + steps));
}

/// A scale of a block, in the low byte: E8M0, or E4M3 whose sign does not count.
[[nodiscard]] inline double scale_of(std::uint32_t code, bool is_e8m0) {
  if (!is_e8m0) return widen<e4m3_format>(code & 127);
  return (code & 255) == 255 ? std::numeric_limits<double>::quiet_NaN()
                             : std::ldexp(1.0, static_cast<int>(code & 255) - 127);
}

}  // namespace interpreter
