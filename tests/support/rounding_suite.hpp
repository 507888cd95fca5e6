// SPDX-License-Identifier: Apache-2.0
// The laws of every rounding, and a rule's results against exact fractions, for every element type.
#pragma once

#include "support/everywhere.hpp"
#include "support/rounding_laws.hpp"
#include "support/witness.hpp"

namespace rounding_suite {

template <class... T>
struct types {};
using all_types =
    types<nibble::fp4_e2m1, nibble::fp6_e2m3, nibble::fp6_e3m2, nibble::fp8_e4m3, nibble::fp8_e5m2>;

/// How often Policy breaks a law of rounding, over 2^18 numbers a type, on host and device.
template <class Policy, class... T>
std::uint64_t violations(types<T...>) {
  return (everywhere::sweep(1 << 18, laws::rounding<T, Policy>{}) + ...);
}

template <class Policy, class T>
std::uint32_t differences_of(oracle::direction direction) {
  auto const& table = witness::table<T::format>();
  std::uint32_t wrong = 0;
  for (float const value : witness::hard_floats(table)) {
    std::uint32_t const expected = table.encode(witness::exactly(value), direction);
    wrong += Policy::template round<T>(value).bits() != expected;
  }
  return wrong;
}

/// How often Policy::round differs from exact fractions rounded in this direction: values, ties and
/// their neighbours.
template <class Policy, class... T>
std::uint32_t differences(oracle::direction direction, types<T...>) {
  return (differences_of<Policy, T>(direction) + ...);
}

}  // namespace rounding_suite
