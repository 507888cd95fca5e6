// SPDX-License-Identifier: Apache-2.0
// Binary32 arithmetic written from its definition on integers alone, so that the tests own a
// witness that neither the library nor the floating-point unit (or its flags) can influence.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>

#if defined(__CUDACC__)
#include <cuda/std/bit>
#endif

namespace oracle {

__extension__ typedef unsigned __int128 wide;

constexpr int width(std::uint64_t value) {
#if defined(__CUDACC__)  // which makes a trap of std::bit_width in a kernel
  return static_cast<int>(cuda::std::bit_width(value));
#else
  return static_cast<int>(std::bit_width(value));
#endif
}

constexpr int width(wide value) {
  auto const high = static_cast<std::uint64_t>(value >> 64);
  return high != 0 ? 64 + width(high) : width(static_cast<std::uint64_t>(value));
}

/// (-1)^negative * significand * 2^exponent, exactly.
struct dyadic {
  bool negative = false;
  wide significand = 0;
  int exponent = 0;
};

/// Less than, equal to or greater than 0, as |a| is to |b|.
constexpr int compare_magnitudes(dyadic const& a, dyadic const& b) {
  if (a.significand == 0 || b.significand == 0) {
    return (a.significand != 0 ? 1 : 0) - (b.significand != 0 ? 1 : 0);
  }
  int const a_width = width(a.significand);
  int const b_width = width(b.significand);
  if (a_width + a.exponent != b_width + b.exponent) {
    return a_width + a.exponent < b_width + b.exponent ? -1 : 1;
  }
  // The leading bits have equal weight: widen the narrower one and compare integers.
  wide const left = a.significand << std::max(0, b_width - a_width);
  wide const right = b.significand << std::max(0, a_width - b_width);
  return left < right ? -1 : (left > right ? 1 : 0);
}

constexpr dyadic multiply(dyadic const& a, dyadic const& b) {
  if (width(a.significand) + width(b.significand) > 128)
    std::abort();
  return {a.negative != b.negative, a.significand * b.significand, a.exponent + b.exponent};
}

/// a + b or a - b of the magnitudes; a must not be below b where they are subtracted.
constexpr dyadic combine_magnitudes(dyadic const& a, dyadic const& b, bool subtract) {
  if (a.significand == 0)
    return {false, b.significand, b.exponent};
  if (b.significand == 0)
    return {false, a.significand, a.exponent};
  int const exponent = std::min(a.exponent, b.exponent);
  int const a_shift = a.exponent - exponent;
  int const b_shift = b.exponent - exponent;
  if (width(a.significand) + a_shift > 127 || width(b.significand) + b_shift > 127)
    std::abort();
  wide const left = a.significand << a_shift;
  wide const right = b.significand << b_shift;
  if (subtract && left < right)
    std::abort();
  return {false, subtract ? left - right : left + right, exponent};
}

enum class kind : std::uint8_t { finite, infinite, nan };

/// A real number or one of the special values; value.negative is the sign of all of them.
struct number {
  kind type = kind::finite;
  dyadic value;
};

constexpr std::uint32_t sign_mask = 0x80000000U;
constexpr std::uint32_t magnitude_mask = 0x7FFFFFFFU;
constexpr std::uint32_t infinity_bits = 0x7F800000U;
constexpr std::uint32_t largest_bits = 0x7F7FFFFFU;
constexpr std::uint32_t quiet_nan_bits = 0x7FC00000U;
constexpr std::uint32_t one_bits = 0x3F800000U;

constexpr bool is_nan(std::uint32_t bits) { return (bits & magnitude_mask) > infinity_bits; }
constexpr bool is_infinite(std::uint32_t bits) { return (bits & magnitude_mask) == infinity_bits; }
constexpr bool is_zero(std::uint32_t bits) { return (bits & magnitude_mask) == 0; }
constexpr bool is_negative(std::uint32_t bits) { return (bits & sign_mask) != 0; }

/// Equal bits, or both NaN: which NaN an operation yields is not part of any rule here.
constexpr bool same(std::uint32_t a, std::uint32_t b) { return a == b || (is_nan(a) && is_nan(b)); }

/// A finite binary32 number as integer * 2^exponent.
struct scaled_integer {
  std::uint64_t significand;
  int exponent;
};

constexpr scaled_integer magnitude_of(std::uint32_t bits) {
  std::uint64_t const fraction = bits & 0x007FFFFFU;
  int const field = static_cast<int>((bits >> 23) & 0xFFU);
  if (field == 0)
    return {fraction, -149};
  return {fraction + 0x00800000U, field - 150};
}

constexpr number from_binary32(std::uint32_t bits) {
  bool const negative = is_negative(bits);
  if (is_nan(bits))
    return {kind::nan, {negative, 0, 0}};
  if (is_infinite(bits))
    return {kind::infinite, {negative, 0, 0}};
  scaled_integer const magnitude = magnitude_of(bits);
  return {kind::finite, {negative, magnitude.significand, magnitude.exponent}};
}

constexpr number from_binary64(std::uint64_t bits) {
  bool const negative = (bits >> 63) != 0;
  std::uint64_t const fraction = bits & 0x000FFFFFFFFFFFFFU;
  int const field = static_cast<int>((bits >> 52) & 0x7FFU);
  if (field == 0x7FF)
    return {fraction != 0 ? kind::nan : kind::infinite, {negative, 0, 0}};
  if (field == 0)
    return {kind::finite, {negative, fraction, -1074}};
  return {kind::finite, {negative, fraction + 0x0010000000000000U, field - 1075}};
}

/// The binary32 number nearest to (significand + something in (0, 1) if sticky) * 2^exponent, ties
/// to even, with subnormals, infinity from half a step above the largest finite number on.
/// rule: with sticky set, the significand must have at least 26 bits, so that the unit it hides is
/// far below the rounding position.
template <class Word>
constexpr std::uint32_t round_to_binary32(bool negative, Word significand, int exponent,
                                          bool sticky = false) {
  std::uint32_t const sign = negative ? sign_mask : 0;
  if (significand == 0)
    return sign;
  int const bits = width(significand);
  int const quantum = std::max(bits + exponent - 24, -149);
  if (quantum > 104)
    return sign | infinity_bits;
  int const shift = quantum - exponent;
  std::uint32_t kept = 0;
  if (shift <= 0) {
    kept = static_cast<std::uint32_t>(significand << -shift);
  } else if (shift <= bits) {
    Word const half = static_cast<Word>(Word{1} << (shift - 1));
    Word const rest = significand & static_cast<Word>((half << 1) - 1);
    kept = static_cast<std::uint32_t>((significand >> (shift - 1)) >> 1);
    if (rest > half || (rest == half && (sticky || kept % 2 != 0)))
      ++kept;
  }
  std::uint32_t const magnitude = (static_cast<std::uint32_t>(quantum + 149) << 23) + kept;
  // Not std::min, whose reference to a constant no kernel can follow.
  return sign | (magnitude < infinity_bits ? magnitude : infinity_bits);
}

constexpr std::uint32_t round_to_binary32(dyadic const& value) {
  return round_to_binary32(value.negative, value.significand, value.exponent);
}

/// IEEE 754 binary32, round to nearest even, subnormals kept.
struct ieee {
  static constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
    bool const negative = is_negative(a) != is_negative(b);
    std::uint32_t const sign = negative ? sign_mask : 0;
    if (is_nan(a) || is_nan(b))
      return quiet_nan_bits;
    if (is_infinite(a) || is_infinite(b)) {
      return is_zero(a) || is_zero(b) ? quiet_nan_bits : (sign | infinity_bits);
    }
    scaled_integer const left = magnitude_of(a);
    scaled_integer const right = magnitude_of(b);
    return round_to_binary32(negative, left.significand * right.significand,
                             left.exponent + right.exponent);
  }

  static constexpr std::uint32_t divide(std::uint32_t a, std::uint32_t b) {
    bool const negative = is_negative(a) != is_negative(b);
    std::uint32_t const sign = negative ? sign_mask : 0;
    if (is_nan(a) || is_nan(b))
      return quiet_nan_bits;
    if (is_infinite(a))
      return is_infinite(b) ? quiet_nan_bits : (sign | infinity_bits);
    if (is_infinite(b))
      return sign;
    if (is_zero(b))
      return is_zero(a) ? quiet_nan_bits : (sign | infinity_bits);
    if (is_zero(a))
      return sign;
    scaled_integer left = magnitude_of(a);
    scaled_integer const right = magnitude_of(b);
    // All 64 bits of the dividend in use: the integer quotient has at least 40 bits.
    int const shift = 64 - width(left.significand);
    left = {left.significand << shift, left.exponent - shift};
    std::uint64_t const quotient = left.significand / right.significand;
    bool const inexact = left.significand % right.significand != 0;
    return round_to_binary32(negative, quotient, left.exponent - right.exponent, inexact);
  }

  static constexpr std::uint32_t add(std::uint32_t a, std::uint32_t b) {
    if (is_nan(a) || is_nan(b))
      return quiet_nan_bits;
    if (is_infinite(a))
      return is_infinite(b) && a != b ? quiet_nan_bits : a;
    if (is_infinite(b))
      return b;
    if (is_zero(a) && is_zero(b))
      return a & b;  // -0 only from -0 + -0
    if ((a & magnitude_mask) < (b & magnitude_mask))
      std::swap(a, b);
    scaled_integer const large = magnitude_of(a);
    scaled_integer const small = magnitude_of(b);
    int const distance = std::min(large.exponent - small.exponent, 64);
    // Beyond 64 the large one is at least 2^87 units and the small one below 2^24 units: any
    // nonzero amount that small rounds as one unit does, even across a power of two.
    bool const far = large.exponent - small.exponent > 64;
    wide const left = static_cast<wide>(large.significand) << distance;
    wide const right = far ? wide{small.significand != 0 ? 1U : 0U} : wide{small.significand};
    bool const subtract = is_negative(a) != is_negative(b);
    wide const sum = subtract ? left - right : left + right;
    if (sum == 0)
      return 0;  // x - x is +0 in round to nearest
    return round_to_binary32(is_negative(a), sum, large.exponent - distance);
  }

  static constexpr std::uint32_t subtract(std::uint32_t a, std::uint32_t b) {
    return is_nan(b) ? quiet_nan_bits : add(a, b ^ sign_mask);
  }
};

/// The same operations where subnormal operands and results become zeros of their sign.
struct flushed {
  static constexpr std::uint32_t flush(std::uint32_t bits) {
    return (bits & infinity_bits) == 0 ? bits & sign_mask : bits;
  }
  static constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
    return flush(ieee::multiply(flush(a), flush(b)));
  }
  static constexpr std::uint32_t divide(std::uint32_t a, std::uint32_t b) {
    return flush(ieee::divide(flush(a), flush(b)));
  }
  static constexpr std::uint32_t add(std::uint32_t a, std::uint32_t b) {
    return flush(ieee::add(flush(a), flush(b)));
  }
  static constexpr std::uint32_t subtract(std::uint32_t a, std::uint32_t b) {
    return flush(ieee::subtract(flush(a), flush(b)));
  }
};

/// Less than by value; false if either is NaN.
constexpr bool less(std::uint32_t a, std::uint32_t b) {
  if (is_nan(a) || is_nan(b) || (is_zero(a) && is_zero(b)))
    return false;
  if (is_negative(a) != is_negative(b))
    return is_negative(a);
  return is_negative(a) ? (b & magnitude_mask) < (a & magnitude_mask) : a < b;
}

/// C's fminf: a NaN operand is dropped; NaN only from two of them.
constexpr std::uint32_t minimum(std::uint32_t a, std::uint32_t b) {
  if (is_nan(a))
    return is_nan(b) ? quiet_nan_bits : b;
  if (is_nan(b))
    return a;
  return less(b, a) ? b : a;
}

}  // namespace oracle
