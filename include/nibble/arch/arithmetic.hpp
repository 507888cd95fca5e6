// SPDX-License-Identifier: Apache-2.0
// Float operations that no compiler flag can change. With ptx.cuh, the only file with assembly.
//
// Why: g++ fuses a*b+c into an fma by default where the target has one and ignores the pragma that
// forbids it; nvcc does the same, and under --use_fast_math turns even __fmul_rn, __fadd_rn and
// __fdiv_rn into flushing forms. Inline PTX is immune, and so is a sum whose operands went through
// a barrier; products stay free of it, so that the loops that scale whole blocks vectorise.
#pragma once

#include "nibble/arch/features.hpp"
#include "nibble/detail/bits.hpp"
#if NIBBLE_HAS_DEVICE
#include "nibble/arch/ptx.cuh"
#endif

namespace nibble::arch {

// clang carries most permissions along with each operation; here they are taken back. This undoes
// the parts of -ffast-math that clang hides from headers. (Fusing it also allows by the module.)
#if defined(__clang__) && !defined(__NVCC__)
#pragma float_control(precise, on, push)
#endif

/// `value`, through a barrier: the product that it may be cannot fuse with the sum that uses it.
/// (__builtin_assoc_barrier is not enough: g++ 12 drops it when it vectorises.)
[[nodiscard]] NIBBLE_HD constexpr float opaque(float value) noexcept {
#if !NIBBLE_HAS_DEVICE && defined(__GNUC__)
  if (!detail::constant_evaluated()) {
#if defined(__SSE__)
    asm("" : "+x"(value));
#elif defined(__aarch64__)
    asm("" : "+w"(value));
#else
    asm("" : "+m"(value));
#endif
  }
#endif
  return value;
}

/// The same before g++ 12, which hides -fassociative-math and -freciprocal-math from headers, and under
/// g++ 13, which takes the divisor of a quotient above the largest float for 0 (14 does not);
/// elsewhere products and quotients need no barrier, so that loops over them vectorise.
[[nodiscard]] NIBBLE_HD constexpr float settled(float value) noexcept {
#if defined(__GNUC__) && !defined(__clang__) && (__GNUC__ < 12 || __GNUC__ == 13)
  return opaque(value);
#else
  return value;
#endif
}

/// A barrier for an object in memory: what was written to it is there, and is read from there.
template <class T>
inline void opaque_memory(T& object) noexcept {
#if defined(__GNUC__)
  asm("" : "+m"(object));
#endif
}

/// opaque, of a vector of floats that fills a register, on the host.
template <class Floats>
[[nodiscard]] inline Floats opaque_lanes(Floats values) noexcept {
#if defined(__SSE__)
  asm("" : "+x"(values));
#elif defined(__aarch64__)
  asm("" : "+w"(values));
#elif defined(__GNUC__)
  asm("" : "+m"(values));
#endif
  return values;
}

/// The steps of constant evaluation, where C++ calls an overflow, a division by zero and, to clang,
/// a NaN no constant. Double holds products of floats exactly, and sums and quotients well enough:
/// with 53 >= 2 * 24 + 2 bits the second rounding changes nothing.
namespace constant {

[[nodiscard]] NIBBLE_HD constexpr bool is_nan(float a) noexcept {
  return detail::magnitude_bits(a) > detail::infinity_bits;
}
[[nodiscard]] NIBBLE_HD constexpr bool is_infinite(float a) noexcept {
  return detail::magnitude_bits(a) == detail::infinity_bits;
}
[[nodiscard]] NIBBLE_HD constexpr float nan() noexcept {
  return detail::float_from_bits(0x7FC0'0000u);
}
[[nodiscard]] NIBBLE_HD constexpr float infinity(bool is_negative) noexcept {
  return detail::float_from_bits(detail::infinity_bits | (is_negative ? 0x8000'0000u : 0u));
}
[[nodiscard]] NIBBLE_HD constexpr bool is_negative(float a) noexcept {
  return detail::float_bits(a) >> 31 != 0;
}
/// Nearest-even to float; from the middle between the largest float and 2^128 on, infinity.
[[nodiscard]] NIBBLE_HD constexpr float narrow(double a) noexcept {
  if (a >= 0x1.FFFFFFp127 || a <= -0x1.FFFFFFp127) return infinity(a < 0);
  return static_cast<float>(a);
}
[[nodiscard]] NIBBLE_HD constexpr float multiply(float a, float b) noexcept {
  if (is_nan(a) || is_nan(b)) return nan();
  if (is_infinite(a) || is_infinite(b)) {
    return a == 0 || b == 0 ? nan() : infinity(is_negative(a) != is_negative(b));
  }
  return narrow(static_cast<double>(a) * static_cast<double>(b));
}
[[nodiscard]] NIBBLE_HD constexpr float add(float a, float b) noexcept {
  if (is_nan(a) || is_nan(b)) return nan();
  if (is_infinite(a) || is_infinite(b)) {
    if (is_infinite(a) && is_infinite(b) && is_negative(a) != is_negative(b)) return nan();
    return is_infinite(a) ? a : b;
  }
  return narrow(static_cast<double>(a) + static_cast<double>(b));
}
[[nodiscard]] NIBBLE_HD constexpr float divide(float a, float b) noexcept {
  if (is_nan(a) || is_nan(b) || (a == 0 && b == 0)) return nan();
  bool const sign = is_negative(a) != is_negative(b);
  if (is_infinite(a)) return is_infinite(b) ? nan() : infinity(sign);
  if (b == 0) return infinity(sign);
  if (is_infinite(b)) return sign ? -0.0f : 0.0f;
  return narrow(static_cast<double>(a) / static_cast<double>(b));
}

}  // namespace constant

/// a * b, rounded once to nearest even, subnormals kept. Take its sums by add and subtract.
[[nodiscard]] NIBBLE_HD constexpr float multiply(float a, float b) noexcept {
  if (detail::constant_evaluated()) return constant::multiply(a, b);
#if NIBBLE_HAS_DEVICE
  return ptx::mul_rn_f32(a, b);
#else
  return settled(a * b);
#endif
}

/// a + b, rounded once to nearest even, subnormals kept, fused with no product.
[[nodiscard]] NIBBLE_HD constexpr float add(float a, float b) noexcept {
  if (detail::constant_evaluated()) return constant::add(a, b);
#if NIBBLE_HAS_DEVICE
  return ptx::add_rn_f32(a, b);
#else
  return opaque(a) + opaque(b);
#endif
}

/// a - b, rounded once to nearest even, subnormals kept, fused with no product.
[[nodiscard]] NIBBLE_HD constexpr float subtract(float a, float b) noexcept {
  if (detail::constant_evaluated()) return constant::add(a, -b);
#if NIBBLE_HAS_DEVICE
  return ptx::sub_rn_f32(a, b);
#else
  return opaque(a) - opaque(b);
#endif
}

/// a / b, rounded once to nearest even, subnormals kept; 1 / 0 is infinity.
[[nodiscard]] NIBBLE_HD constexpr float divide(float a, float b) noexcept {
  if (detail::constant_evaluated()) return constant::divide(a, b);
#if NIBBLE_HAS_DEVICE
  return ptx::div_rn_f32(a, b);
#else
  return settled(a / settled(b));
#endif
}

/// Is a below b? False where either is NaN. Under --use_fast_math the operator itself would take
/// subnormals for zeros.
[[nodiscard]] NIBBLE_HD constexpr bool less(float a, float b) noexcept {
#if NIBBLE_HAS_DEVICE
  if (!detail::constant_evaluated()) return ptx::setp_lt_f32(a, b);
#endif
  return a < b;
}

/// Are a and b equal in value? True for the two zeros, false where either is NaN; see less.
[[nodiscard]] NIBBLE_HD constexpr bool equal(float a, float b) noexcept {
#if NIBBLE_HAS_DEVICE
  if (!detail::constant_evaluated()) return ptx::setp_eq_f32(a, b);
#endif
  return a == b;
}

/// `value` with its sign flipped where `sign` is 2^31, as it is where `sign` is 0; exact for
/// subnormals and NaN under every flag (see ptx::xor_b32).
[[nodiscard]] NIBBLE_HD constexpr float flip_sign(float value, std::uint32_t sign) noexcept {
#if NIBBLE_HAS_DEVICE
  if (!detail::constant_evaluated()) {
    return detail::float_from_bits(ptx::xor_b32(detail::float_bits(value), sign));
  }
#endif
  return detail::float_from_bits(detail::float_bits(value) ^ sign);
}

/// The smaller of a and b; a NaN loses against a number, as CUDA's fminf has it.
[[nodiscard]] NIBBLE_HD constexpr float minimum(float a, float b) noexcept {
  // NaN is asked for by bits: g++ 11 takes no comparison with one in a constant expression.
  if (constant::is_nan(a)) return b;
  if (constant::is_nan(b)) return a;
  return less(b, a) ? b : a;
}

/// The smaller of a value and a limit above 0; NaN gives the limit.
[[nodiscard]] NIBBLE_HD constexpr float at_most(float value, float limit) noexcept {
#if NIBBLE_HAS_DEVICE
  if (!detail::constant_evaluated()) return ptx::min_f32(value, limit);
#endif
  return minimum(value, limit);
}

#if defined(__clang__) && !defined(__NVCC__)
#pragma float_control(pop)
#endif

}  // namespace nibble::arch
