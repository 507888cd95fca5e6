// SPDX-License-Identifier: Apache-2.0
// Literals of the number types: 1.5_e2m1. One that is not exactly representable does not compile.
#pragma once

#include "nibble/bf16.hpp"
#include "nibble/block.hpp"
#include "nibble/fp16.hpp"
#include "nibble/ue5m3.hpp"

namespace nibble::literals {

namespace check {
// Not constexpr: a literal that reaches it does not compile, and the compiler names it.
inline void this_literal_is_not_exactly_representable() noexcept {}

template <class T>
[[nodiscard]] consteval T exact(long double literal) {
  auto const value = static_cast<double>(literal);
  T const result(value);
  if (static_cast<long double>(value) != literal ||
      static_cast<double>(static_cast<float>(result)) != value) {
    this_literal_is_not_exactly_representable();
  }
  return result;
}

template <class T>
[[nodiscard]] consteval T whole(unsigned long long literal) {
  return exact<T>(static_cast<long double>(literal));
}
}  // namespace check

// clang-format off
[[nodiscard]] consteval fp4_e2m1 operator""_e2m1(long double x) { return check::exact<fp4_e2m1>(x); }
[[nodiscard]] consteval fp6_e2m3 operator""_e2m3(long double x) { return check::exact<fp6_e2m3>(x); }
[[nodiscard]] consteval fp6_e3m2 operator""_e3m2(long double x) { return check::exact<fp6_e3m2>(x); }
[[nodiscard]] consteval fp8_e4m3 operator""_e4m3(long double x) { return check::exact<fp8_e4m3>(x); }
[[nodiscard]] consteval fp8_e5m2 operator""_e5m2(long double x) { return check::exact<fp8_e5m2>(x); }
[[nodiscard]] consteval e8m0 operator""_e8m0(long double x) { return check::exact<e8m0>(x); }
[[nodiscard]] consteval ue5m3 operator""_ue5m3(long double x) { return check::exact<ue5m3>(x); }
[[nodiscard]] consteval bf16 operator""_bf16(long double x) { return check::exact<bf16>(x); }
[[nodiscard]] consteval fp16 operator""_fp16(long double x) { return check::exact<fp16>(x); }
[[nodiscard]] consteval fp4_e2m1 operator""_e2m1(unsigned long long x) { return check::whole<fp4_e2m1>(x); }
[[nodiscard]] consteval fp6_e2m3 operator""_e2m3(unsigned long long x) { return check::whole<fp6_e2m3>(x); }
[[nodiscard]] consteval fp6_e3m2 operator""_e3m2(unsigned long long x) { return check::whole<fp6_e3m2>(x); }
[[nodiscard]] consteval fp8_e4m3 operator""_e4m3(unsigned long long x) { return check::whole<fp8_e4m3>(x); }
[[nodiscard]] consteval fp8_e5m2 operator""_e5m2(unsigned long long x) { return check::whole<fp8_e5m2>(x); }
[[nodiscard]] consteval e8m0 operator""_e8m0(unsigned long long x) { return check::whole<e8m0>(x); }
[[nodiscard]] consteval ue5m3 operator""_ue5m3(unsigned long long x) { return check::whole<ue5m3>(x); }
[[nodiscard]] consteval bf16 operator""_bf16(unsigned long long x) { return check::whole<bf16>(x); }
[[nodiscard]] consteval fp16 operator""_fp16(unsigned long long x) { return check::whole<fp16>(x); }
// clang-format on

}  // namespace nibble::literals
