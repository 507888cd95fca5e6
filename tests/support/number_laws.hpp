// SPDX-License-Identifier: Apache-2.0
// What every number type promises, checked for one type against the oracle's table of its format.
#pragma once

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <type_traits>

#include <nibble/number.hpp>

#include "support/witness.hpp"

namespace laws {

/// Storage, constructors and operators: what the compiler can tell.
template <class T>
consteval bool has_the_interface_of_a_number() {
  static_assert(nibble::number_type<T>);
  static_assert(sizeof(T) == (T::format.width() > 8 ? 2 : 1) && alignof(T) == sizeof(T));
  static_assert(std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T>);
  static_assert(std::is_trivially_default_constructible_v<T>);
  static_assert(std::is_nothrow_constructible_v<T, float>);
  static_assert(std::is_nothrow_constructible_v<T, double>);
  static_assert(!std::is_convertible_v<float, T> && !std::is_convertible_v<double, T>);
  static_assert(!std::is_convertible_v<T, float> && !std::is_convertible_v<T, double>);
  static_assert(!std::is_convertible_v<T, int> && !std::is_convertible_v<T, bool>);
  static_assert(!std::is_constructible_v<T, int> && !std::is_constructible_v<T, bool>);
  static_assert(!std::is_constructible_v<T, long double> && !std::is_constructible_v<T, char>);
  static_assert(std::is_same_v<decltype(T::from_bits(0).bits()), typename T::storage>);
  static_assert(requires(T a) {
    { -a } -> std::same_as<T>;
  } == T::format.is_signed);
  return true;
}

/// Construction from a float or double equals the table, by the format's own rule.
template <class T, class Real>
bool converts(Real value) {
  return T(value).bits() == witness::table<T::format>().convert(witness::exactly(value));
}

template <class T>
void every_code_keeps_the_laws() {
  static_assert(has_the_interface_of_a_number<T>());
  auto const& table = witness::table<T::format>();
  std::uint32_t wrong = 0;
  for (std::uint32_t code = 0; code != table.codes(); ++code) {
    T const x = T::from_bits(code);
    auto const value = static_cast<float>(x);
    bool const is_nan = table.decode(code).type == oracle::kind::nan;
    wrong += x.bits() != code || is_nan != (value != value) || is_nan == (x == x);
    if (table.decode(code).type == oracle::kind::finite) {
      wrong += std::bit_cast<std::uint32_t>(value) !=
               oracle::round_to_binary32(table.decode(code).value);
      wrong += T(value).bits() != code || T(static_cast<double>(value)).bits() != code;
    }
    if constexpr (T::format.is_signed) {
      wrong += (-x).bits() != (code ^ table.sign_code());
    }
    // Order by value, against a handful of others on either side.
    for (std::uint32_t step = 0; step != 9; ++step) {
      std::uint32_t const other = (code * 5 + step * (table.codes() / 9)) % table.codes();
      T const y = T::from_bits(other);
      auto const b = static_cast<float>(y);
      wrong += (x == y) != (value == b) || (x < y) != (value < b) || (x > y) != (value > b) ||
               (x <= y) != (value <= b) || (x >= y) != (value >= b) || (x != y) != (value != b);
    }
  }
  CHECK(wrong == 0);
}

template <class T>
void conversions_keep_the_laws() {
  std::uint32_t wrong = 0;
  for (float const value : witness::hard_floats(witness::table<T::format>())) {
    wrong += !converts<T>(value);
  }
  for (double const value : witness::values_and_ties(witness::table<T::format>())) {
    auto const bits = std::bit_cast<std::uint64_t>(value);
    for (std::uint64_t const step : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}}) {
      double const near = std::bit_cast<double>((bits + step - 1) & ~(std::uint64_t{1} << 63));
      wrong += !converts<T>(near) || !converts<T>(-near);
    }
  }
  for (std::uint32_t const bits : witness::special_floats) {
    wrong += !converts<T>(std::bit_cast<float>(bits));
    wrong += !converts<T>(static_cast<double>(std::bit_cast<float>(bits)));
  }
  for (std::uint32_t code = 0; code != 0x10000; ++code) {  // all bf16 and all fp16 numbers
    wrong += !converts<T>(nibble::format::decode<nibble::format::bf16>(code));
    wrong += !converts<T>(nibble::format::decode<nibble::format::fp16>(code));
  }
  CHECK(wrong == 0);
}

/// One line of a table of special values: float bits in, code out.
struct special {
  std::uint32_t bits;
  std::uint32_t code;
};

template <class T, std::size_t N>
constexpr bool specials_hold(special const (&rows)[N]) {
  for (special const& row : rows) {
    if (T(nibble::detail::float_from_bits(row.bits)).bits() != row.code) {
      return false;
    }
  }
  return true;
}

}  // namespace laws
