// SPDX-License-Identifier: Apache-2.0
// What every rounding policy promises, as a predicate over indices that runs on host and device. It
// judges by decoding alone.
#pragma once

#include <cstdint>

#include <nibble/block.hpp>
#include <nibble/rounding/policy.hpp>

namespace laws {

/// Policy::round<T>, whether it takes a random word or not.
template <class T, class Policy>
NIBBLE_HD constexpr T round(float value, std::uint32_t word) {
  if constexpr (Policy::is_stochastic) {
    return Policy::template round<T>(value, word);
  } else {
    return Policy::template round<T>(value);
  }
}

/// For a number near the edge of a code (even indices) or any float (odd ones), and a random word:
/// NaN gives the NaN code; the sign stays; an exact value keeps its code, and any other becomes one
/// of its two neighbours, the largest code standing for all beyond it; a larger number gets no
/// smaller code, and neither does a larger word.
template <class T, class Policy>
struct rounding {
  static constexpr nibble::format::float_format f = T::format;

  NIBBLE_HD static float number(std::uint64_t i) {
    auto const mixed = static_cast<std::uint32_t>(i * 0x9E37'79B1u);
    if (i % 2 != 0) {
      return nibble::detail::float_from_bits(mixed);
    }
    // A code, or the middle of it and the next, give or take a few floats.
    std::uint32_t const code = mixed % (f.max_code() + 1);
    float value = nibble::format::decode<f>(code);
    if (i % 4 != 0) {
      value = value / 2 + nibble::format::decode<f>(code < f.max_code() ? code + 1 : code) / 2;
    }
    std::uint32_t const bits = nibble::detail::float_bits(value) + (mixed >> 24) % 7 - 3;
    return nibble::detail::float_from_bits(bits ^ (mixed << 8 & 0x8000'0000u));
  }

  NIBBLE_HD static std::uint32_t code_of(float value, std::uint32_t word) {
    return round<T, Policy>(value, word).bits() & f.magnitude_mask();
  }

  NIBBLE_HD bool operator()(std::uint64_t i) const {
    float const value = number(i);
    auto const word = static_cast<std::uint32_t>(i * 0x85EB'CA6Bu);
    std::uint32_t const bits = nibble::detail::float_bits(value);
    std::uint32_t const all = round<T, Policy>(value, word).bits();
    if ((bits & 0x7FFF'FFFFu) > nibble::detail::infinity_bits) {
      return all == f.nan_code();
    }
    bool const is_negative = bits >> 31 != 0;
    if (!f.is_signed && f.has_zero && is_negative) {
      return all == 0;
    }
    if (all != ((is_negative ? f.sign_mask() : 0) | (all & f.magnitude_mask()))) {
      return false;
    }
    std::uint32_t const code = all & f.magnitude_mask();
    if (code > f.max_code()) {
      return false;
    }
    float const magnitude = nibble::detail::magnitude(value);
    float const decoded = nibble::format::decode<f>(code);
    if (decoded < magnitude && code != f.max_code() &&
        !(nibble::format::decode<f>(code + 1) > magnitude)) {
      return false;
    }
    if (decoded > magnitude && code != 0 && !(nibble::format::decode<f>(code - 1) < magnitude)) {
      return false;
    }
    std::uint32_t const next = (bits & 0x7FFF'FFFFu) + (magnitude < nibble::detail::largest_float);
    bool const grows_with_value = code_of(nibble::detail::float_from_bits(next), word) >= code;
    // Words that differ in their low 8 bits, which every width counts.
    bool const grows_with_word =
        code_of(magnitude, word | 0xFFu) >= code && code_of(magnitude, word & ~0xFFu) <= code;
    return grows_with_value && grows_with_word;
  }
};

/// Policy::encode of 16 values equals `Policy::round` of each, in order.
template <class Policy>
bool encodes_one_by_one(Policy const& policy, std::uint64_t position,
                        std::uint32_t const (&words)[16]) {
  bool all = true;
  for (std::uint32_t first = 0; first != 1024; first += 16) {
    float values[16];
    for (std::uint32_t i = 0; i != 16; ++i) {
      values[i] = rounding<nibble::fp4_e2m1, Policy>::number(first + i);
    }
    auto const e2m1 = policy.template encode<nibble::fp4_e2m1>(values, position);
    auto const e4m3 = policy.template encode<nibble::fp8_e4m3>(values, position);
    for (int i = 0; i != 16; ++i) {
      all = all && e2m1[i].bits() == round<nibble::fp4_e2m1, Policy>(values[i], words[i]).bits() &&
            e4m3[i].bits() == round<nibble::fp8_e4m3, Policy>(values[i], words[i]).bits();
    }
  }
  return all;
}

/// Policy::encode of N values equals `Policy::round` of each, given the words of their places: also
/// for lengths that no shortcut takes.
template <class T, std::size_t N, class Policy>
NIBBLE_HD constexpr bool encodes_each(Policy const& policy, std::uint64_t position,
                                      std::uint32_t const (&words)[N]) {
  float values[N]{};
  for (std::size_t i = 0; i != N; ++i) {
    values[i] = (i % 2 != 0 ? -0.7f : 0.55f) * static_cast<float>(i + 1);
  }
  auto const codes = policy.template encode<T>(values, position);
  for (std::size_t i = 0; i != N; ++i) {
    if (codes[static_cast<int>(i)].bits() != round<T, Policy>(values[i], words[i]).bits()) {
      return false;
    }
  }
  return true;
}

/// The same for rows of 1 to 32, for policies that draw no words.
template <class T, class Policy>
NIBBLE_HD constexpr bool encodes_rows_of_any_length(Policy const& policy) {
  return encodes_each<T, 1>(policy, 0, {}) && encodes_each<T, 7>(policy, 3, {}) &&
         encodes_each<T, 8>(policy, 0, {}) && encodes_each<T, 9>(policy, 0, {}) &&
         encodes_each<T, 16>(policy, 5, {}) && encodes_each<T, 32>(policy, 0, {});
}

}  // namespace laws
