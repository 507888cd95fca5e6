// SPDX-License-Identifier: Apache-2.0
// The class that every number type derives from: storage, conversions and comparison of one format.
#pragma once

#include "nibble/arch/arithmetic.hpp"
#include "nibble/arch/convert.hpp"

namespace nibble {

/// A number of any format of up to 16 bits. Derive from it to name a new one:
///
///     class fp8_e3m4 : public nibble::number<fp8_e3m4, nibble::format::float_format{3, 4, 3}> {
///       using number::number;
///     };
///
/// shape   one byte, or two for formats of more than 8 bits; trivially copyable, standard layout.
/// rule    conversion in is explicit, to nearest even and saturating (bf16 and fp16: to infinity;
///         e8m0: up); conversion out is explicit and exact.
/// errors  NaN becomes the format's NaN, or its largest positive number where it has none.
/// bits    identical everywhere, in constant expressions too.
template <class Self, format::float_format Format>
class number {
 public:
  using storage = std::conditional_t<(Format.width() > 8), std::uint16_t, std::uint8_t>;
  static constexpr format::float_format format = Format;

  number() = default;
  NIBBLE_HD explicit constexpr number(float value) noexcept
      : bits_(static_cast<storage>(arch::encode<Format>(value))) {}
  NIBBLE_HD explicit constexpr number(double value) noexcept
      : bits_(static_cast<storage>(arch::encode<Format>(value))) {}
  template <class Other>
  requires std::is_arithmetic_v<Other>
  explicit number(Other) =
      delete;  // say float(x): which rounding an integer wants is not ours to guess

  /// The number whose code is the low Format.width() bits of `bits`. In a constant expression a set
  /// bit above them does not compile.
  template <class Integer>
  requires std::is_integral_v<Integer>
  [[nodiscard]] NIBBLE_HD static constexpr Self from_bits(Integer bits) noexcept {
    auto const code = static_cast<std::uint32_t>(bits);
    if (detail::constant_evaluated() && (code & ~Format.mask()) != 0)
      code_has_more_bits_than_format();
    Self result{};
    result.bits_ = static_cast<storage>(code & Format.mask());
    return result;
  }
  template <class Other>
  requires(!std::is_integral_v<Other>) static Self from_bits(Other) = delete;
  static Self from_bits(bool) = delete;

  /// The code: sign, exponent and mantissa, in the low Format.width() bits.
  [[nodiscard]] NIBBLE_HD constexpr storage bits() const noexcept { return bits_; }

  /// The value, exactly.
  [[nodiscard]] NIBBLE_HD explicit constexpr operator float() const noexcept {
    return arch::decode<Format>(bits_);
  }

  /// The number with its sign flipped; a NaN stays one.
  [[nodiscard]] NIBBLE_HD constexpr Self operator-() const noexcept requires(Format.is_signed) {
    return from_bits(static_cast<std::uint32_t>(bits_) ^ Format.sign_mask());
  }

  /// Comparison by value: -0 equals +0, NaN equals nothing.
  [[nodiscard]] NIBBLE_HD friend constexpr bool operator==(Self a, Self b) noexcept {
    return arch::equal(static_cast<float>(a), static_cast<float>(b));
  }
  // Beside <=>, because what the compiler makes of it calls std::partial_ordering's own functions,
  // which no device can.
  [[nodiscard]] NIBBLE_HD friend constexpr bool operator<(Self a, Self b) noexcept {
    return arch::less(static_cast<float>(a), static_cast<float>(b));
  }
  [[nodiscard]] NIBBLE_HD friend constexpr bool operator>(Self a, Self b) noexcept { return b < a; }
  [[nodiscard]] NIBBLE_HD friend constexpr bool operator<=(Self a, Self b) noexcept {
    return a < b || a == b;
  }
  [[nodiscard]] NIBBLE_HD friend constexpr bool operator>=(Self a, Self b) noexcept {
    return b <= a;
  }
#if !defined(__CUDACC_RTC__)  // libcu++ has no ordering types
  [[nodiscard]] NIBBLE_HD friend constexpr auto operator<=>(Self a, Self b) noexcept {
    return static_cast<float>(a) <=> static_cast<float>(b);
  }
#endif

 private:
  // Not constexpr: a constant expression that calls it does not compile, and the compiler names it.
  NIBBLE_HD static void code_has_more_bits_than_format() noexcept {}

  storage bits_;
};

/// Is T one of the number types, of this library or derived from number elsewhere?
template <class T>
concept number_type = requires {
  { T::format } -> std::convertible_to<format::float_format>;
  requires std::derived_from<T, number<T, T::format>>;
};

}  // namespace nibble
