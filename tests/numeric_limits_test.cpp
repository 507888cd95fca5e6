// SPDX-License-Identifier: Apache-2.0
// Limits against what they mean: found by search over the codes of each format, never from the
// formula that made them.
#include <nibble/numeric_limits.hpp>

#include <doctest/doctest.h>

#include <nibble/bf16.hpp>
#include <nibble/block.hpp>
#include <nibble/fp16.hpp>
#include <nibble/ue5m3.hpp>

#include "support/witness.hpp"

namespace {

class int4 : public nibble::number<int4, nibble::format::int4> {
  using number::number;
};

/// 2^n and 10^n, exact for the powers that occur.
constexpr double power(double base, int n) {
  double result = 1;
  for (int i = 0; i < (n < 0 ? -n : n); ++i) {
    result *= base;
  }
  return n < 0 ? 1 / result : result;
}

template <class T>
void limits_mean_what_the_standard_says() {
  using limits = std::numeric_limits<T>;
  auto const& table = witness::table<T::format>();
  CAPTURE(table.definition().name);
  auto const number = [](T x) { return static_cast<double>(static_cast<float>(x)); };
  std::size_t const n = table.size();
  double const largest = witness::as_double(table.magnitude(n - 1));
  bool const has_zero = table.magnitude(0).significand == 0;
  double const smallest = witness::as_double(table.magnitude(has_zero ? 1 : 0));

  CHECK(limits::is_specialized);
  CHECK(limits::radix == 2);
  CHECK(number(limits::max()) == largest);
  CHECK(number(limits::lowest()) ==
        (table.definition().has_sign ? -largest : (has_zero ? 0 : smallest)));
  CHECK(number(limits::denorm_min()) == smallest);
  CHECK(limits::is_signed == table.definition().has_sign);

  // Normal numbers are those whose distance to the next is proportional to them.
  double const minimum = number(limits::min());
  CHECK(minimum == power(2, limits::min_exponent - 1));
  CHECK(power(2, limits::max_exponent - 1) <= largest);
  CHECK(power(2, limits::max_exponent) > largest);
  std::size_t between_one_and_two = 0;
  std::size_t from_minimum_to_its_double = 0;
  for (std::size_t i = 0; i != n; ++i) {
    double const value = witness::as_double(table.magnitude(i));
    between_one_and_two += value >= 1 && value < 2;
    from_minimum_to_its_double += value >= minimum && value < 2 * minimum;
  }
  CHECK(from_minimum_to_its_double == std::size_t{1} << (limits::digits - 1));
  if (minimum <= 1) {  // int4 has no fractions
    CHECK(between_one_and_two == std::size_t{1} << (limits::digits - 1));
  }
  double next_to_one = 2;
  for (std::size_t i = n; i-- != 0;) {
    double const value = witness::as_double(table.magnitude(i));
    next_to_one = value > 1 ? value : next_to_one;
  }
  CHECK(number(limits::epsilon()) == next_to_one - 1);

  CHECK(power(10, limits::max_exponent10) <= largest);
  CHECK(power(10, limits::max_exponent10 + 1) > largest);
  CHECK(power(10, limits::min_exponent10) >= minimum);
  CHECK(power(10, limits::min_exponent10 - 1) < minimum);
  CHECK(power(10, limits::digits10) <= power(2, limits::digits - 1));
  CHECK(power(10, limits::digits10 + 1) > power(2, limits::digits - 1));
  CHECK(power(10, limits::max_digits10 - 1) > power(2, limits::digits));
  CHECK(power(10, limits::max_digits10 - 2) <= power(2, limits::digits));

  bool any_nan = false;
  bool any_infinity = false;
  for (std::uint32_t code = 0; code != table.codes(); ++code) {
    any_nan = any_nan || table.decode(code).type == oracle::kind::nan;
    any_infinity = any_infinity || table.decode(code).type == oracle::kind::infinite;
  }
  CHECK(limits::has_quiet_NaN == any_nan);
  CHECK(limits::has_infinity == any_infinity);
  if (any_nan) {
    CHECK(table.decode(limits::quiet_NaN().bits()).type == oracle::kind::nan);
  }
  if (any_infinity) {
    CHECK(table.decode(limits::infinity().bits()).type == oracle::kind::infinite);
  }
  CHECK((limits::has_denorm == std::denorm_present) == (smallest < minimum));
}

using std::numeric_limits;
static_assert(static_cast<float>(numeric_limits<nibble::fp4_e2m1>::max()) == 6.0f);
static_assert(static_cast<float>(numeric_limits<nibble::fp8_e4m3>::max()) == 448.0f);
static_assert(static_cast<float>(numeric_limits<nibble::fp8_e4m3>::denorm_min()) == 0x1p-9f);
static_assert(numeric_limits<nibble::fp8_e4m3>::quiet_NaN().bits() == 0x7F);
static_assert(numeric_limits<nibble::fp4_e2m1>::round_style == std::round_to_nearest);
static_assert(numeric_limits<nibble::e8m0>::round_style == std::round_toward_infinity);
static_assert(numeric_limits<nibble::fp16>::is_iec559 &&
              !numeric_limits<nibble::fp8_e5m2>::is_iec559);
static_assert(numeric_limits<nibble::fp4_e2m1 const>::is_specialized);

}  // namespace

// bugs: B11 B21
TEST_CASE("the limits of every number type mean what the standard says") {
  limits_mean_what_the_standard_says<nibble::fp4_e2m1>();
  limits_mean_what_the_standard_says<nibble::fp6_e2m3>();
  limits_mean_what_the_standard_says<nibble::fp6_e3m2>();
  limits_mean_what_the_standard_says<nibble::fp8_e4m3>();
  limits_mean_what_the_standard_says<nibble::fp8_e5m2>();
  limits_mean_what_the_standard_says<nibble::e8m0>();
  limits_mean_what_the_standard_says<nibble::ue5m3>();
  limits_mean_what_the_standard_says<nibble::bf16>();
  limits_mean_what_the_standard_says<nibble::fp16>();
  limits_mean_what_the_standard_says<int4>();
}

TEST_CASE("the limits of binary16 and bfloat16 are the known ones") {
  using half = std::numeric_limits<nibble::fp16>;
  CHECK(half::digits == 11);
  CHECK(half::max_exponent == 16);
  CHECK(half::min_exponent == -13);
  CHECK(half::max_exponent10 == 4);
  CHECK(half::min_exponent10 == -4);
  CHECK(half::digits10 == 3);
  CHECK(half::max_digits10 == 5);
  using brain = std::numeric_limits<nibble::bf16>;
  CHECK(brain::digits == 8);
  CHECK(brain::max_exponent == std::numeric_limits<float>::max_exponent);
  CHECK(brain::min_exponent == std::numeric_limits<float>::min_exponent);
  CHECK(brain::max_exponent10 == std::numeric_limits<float>::max_exponent10);
  CHECK(brain::min_exponent10 == std::numeric_limits<float>::min_exponent10);
}
