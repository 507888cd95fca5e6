// SPDX-License-Identifier: Apache-2.0
// The concept lets in what meets its list, and nothing that misses one entry.
#include <nibble/rounding/policy.hpp>

#include <doctest/doctest.h>

#include "support/rounding_laws.hpp"

namespace {

/// The least that a policy can be: always down.
struct least {
  static constexpr bool is_stochastic = false;

  template <class T>
  static constexpr T round(float value) noexcept {
    return T::from_bits(nibble::format::encode<T::format, nibble::format::toward_zero>(value));
  }
  template <class T, std::size_t N>
  constexpr nibble::packed<T, int{N}> encode(float const (&values)[N],
                                             std::uint64_t) const noexcept {
    nibble::packed<T, int{N}> codes{};
    for (int i = 0; i < int{N}; ++i) {
      codes.set(i, round<T>(values[i]));
    }
    return codes;
  }
};

struct silent {
  template <class T, std::size_t N>
  nibble::packed<T, int{N}> encode(float const (&)[N], std::uint64_t) const noexcept;
};
struct throwing {
  static constexpr bool is_stochastic = false;
  template <class T, std::size_t N>
  nibble::packed<T, int{N}> encode(float const (&)[N], std::uint64_t) const;
};
struct of_one_size {
  static constexpr bool is_stochastic = false;
  template <class T>
  nibble::packed<T, 8> encode(float const (&)[8], std::uint64_t) const noexcept;
};
struct to_floats {
  static constexpr bool is_stochastic = false;
  template <class T, std::size_t N>
  float encode(float const (&)[N], std::uint64_t) const noexcept;
};

/// A rounding to nearest that gives up at 5: it breaks two laws.
struct lawless : least {
  template <class T>
  static constexpr T round(float value) noexcept {
    return value > 5.5f ? T(4.0f) : T(value);
  }
};

static_assert(nibble::rounding::policy<least>);
static_assert(!nibble::rounding::policy<silent>);
static_assert(!nibble::rounding::policy<throwing>);
static_assert(!nibble::rounding::policy<of_one_size>);
static_assert(!nibble::rounding::policy<to_floats>);
static_assert(!nibble::rounding::policy<int>);
static_assert(nibble::rounding::encodes<of_one_size, nibble::fp4_e2m1, 8>);

template <class Policy>
int violations() {
  int count = 0;
  for (std::uint64_t i = 0; i != 10000; ++i) {
    count += !laws::rounding<nibble::fp4_e2m1, Policy>{}(i);
  }
  return count;
}

}  // namespace

TEST_CASE("the laws accept the least policy and notice one that breaks them") {
  CHECK(violations<least>() == 0);
  CHECK(violations<lawless>() > 0);
}
