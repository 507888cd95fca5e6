// SPDX-License-Identifier: Apache-2.0
// Each operation against integer arithmetic on operands that make rounding hard, at run time and in
// constant expressions.
// runs: host device
#include <doctest/doctest.h>

#include <bit>
#include <cstdint>

#include <nibble/arch/arithmetic.hpp>

#include "oracle/exact.hpp"
#include "support/everywhere.hpp"

namespace arch = nibble::arch;
using nibble::detail::float_bits;
using nibble::detail::float_from_bits;

namespace {

// Zero, the ends of the subnormals and normals, one and its neighbours, mantissas that make ties,
// halves of the range, infinity, NaN.
constexpr std::uint32_t operands[] = {
    0x00000000, 0x00000001, 0x00000003, 0x00400000, 0x007FFFFF, 0x00800000, 0x00800001, 0x00FFFFFF,
    0x01000001, 0x1A000001, 0x1FFFFFFF, 0x20000000, 0x33800000, 0x33800001, 0x34000000, 0x3EAAAAAB,
    0x3F000000, 0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x3F800003, 0x3FC00000, 0x3FFFFFFF, 0x40400000,
    0x40C00000, 0x45280000, 0x4B000001, 0x4B7FFFFF, 0x4B800000, 0x5F800001, 0x7E800000, 0x7EFFFFFF,
    0x7F000000, 0x7F7FFFFE, 0x7F7FFFFF, 0x7F800000, 0x7FC00000};
constexpr std::uint32_t count = 2 * sizeof(operands) / sizeof(operands[0]);

constexpr std::uint32_t operand(std::uint32_t i) {
  return operands[i / 2] | (i % 2 != 0 ? oracle::sign_mask : 0);
}

constexpr bool each_agrees(std::uint32_t a, std::uint32_t b) {
  float const x = float_from_bits(a);
  float const y = float_from_bits(b);
  return oracle::same(float_bits(arch::multiply(x, y)), oracle::ieee::multiply(a, b)) &&
         oracle::same(float_bits(arch::add(x, y)), oracle::ieee::add(a, b)) &&
         oracle::same(float_bits(arch::subtract(x, y)), oracle::ieee::subtract(a, b)) &&
         oracle::same(float_bits(arch::divide(x, y)), oracle::ieee::divide(a, b)) &&
         oracle::same(float_bits(arch::minimum(x, y)), oracle::minimum(a, b)) &&
         oracle::same(float_bits(arch::at_most(x, 448.0f)), oracle::minimum(a, float_bits(448.0f)));
}

// One row of the table for each constant expression, because compilers bound its steps.
template <std::uint32_t Row>
consteval bool row_agrees() {
  for (std::uint32_t column = 0; column != count; ++column) {
    if (!each_agrees(operand(Row), operand(column))) {
      return false;
    }
  }
  return true;
}
template <std::uint32_t... Rows>
consteval bool every_row_agrees(std::integer_sequence<std::uint32_t, Rows...>) {
  return (std::bool_constant<row_agrees<Rows>()>::value && ...);
}
#if !defined(__CUDACC__)
static_assert(every_row_agrees(std::make_integer_sequence<std::uint32_t, count>{}));
#endif

/// Rows worked out by the oracle, small enough to travel as a kernel argument.
struct worked {
  struct row {
    std::uint32_t a, b, product, sum, difference, quotient, smaller, limited;
  };
  static constexpr std::uint32_t size = 128;
  row rows[size];

  static NIBBLE_HD bool same(float actual, std::uint32_t expected) {
    bool const both_nan = actual != actual && (expected & 0x7FFF'FFFFu) > 0x7F80'0000u;
    return both_nan || float_bits(actual) == expected;
  }
  NIBBLE_HD bool operator()(std::uint64_t i) const {
    row const& r = rows[i];
    float const a = float_from_bits(r.a);
    float const b = float_from_bits(r.b);
    return same(arch::multiply(a, b), r.product) && same(arch::add(a, b), r.sum) &&
           same(arch::subtract(a, b), r.difference) && same(arch::divide(a, b), r.quotient) &&
           same(arch::minimum(a, b), r.smaller) && same(arch::at_most(a, 448.0f), r.limited);
  }
};

worked::row work_out(std::uint32_t a, std::uint32_t b) {
  using oracle::ieee;
  return {a,
          b,
          ieee::multiply(a, b),
          ieee::add(a, b),
          ieee::subtract(a, b),
          ieee::divide(a, b),
          oracle::minimum(a, b),
          oracle::minimum(a, float_bits(448.0f))};
}

}  // namespace

// bugs: C5
TEST_CASE("hard operands: every operation is the correctly rounded one") {
  for (std::uint32_t first = 0; first < count * count; first += worked::size) {
    worked rows{};
    for (std::uint32_t i = 0; i != worked::size; ++i) {
      std::uint32_t const pair = (first + i) % (count * count);
      rows.rows[i] = work_out(operand(pair / count), operand(pair % count));
    }
    CHECK(everywhere::sweep(worked::size, rows) == 0);
  }
}

#if !defined(__CUDACC__)
TEST_CASE("a million random pairs: every operation is the correctly rounded one") {
  CHECK(everywhere::host_sweep(1'000'000, [](std::uint64_t i) {
          std::uint64_t const mixed = (i + 1) * 0x9E37'79B9'7F4A'7C15u;
          auto const a = static_cast<std::uint32_t>(mixed >> 32);
          auto const drawn = static_cast<std::uint32_t>((mixed ^ mixed >> 29) * 0xBF58'476Du);
          // Every second pair has close exponents, so that sums and quotients are not one-sided.
          std::uint32_t const b = i % 2 != 0 ? drawn : (a & 0x7F80'0000u) ^ (drawn & 0x80FF'FFFFu);
          return each_agrees(a, b);
        }) == 0);
}
#endif

#if !defined(__CUDACC__)
TEST_CASE("hard operands: the steps of constant evaluation are the same operations at run time") {
  namespace constant = arch::constant;
  CHECK(everywhere::host_sweep(std::uint64_t{count} * count, [](std::uint64_t i) {
          auto const pair = static_cast<std::uint32_t>(i);
          std::uint32_t const a = operand(pair / count);
          std::uint32_t const b = operand(pair % count);
          float const x = float_from_bits(a);
          float const y = float_from_bits(b);
          return oracle::same(float_bits(constant::multiply(x, y)), oracle::ieee::multiply(a, b)) &&
                 oracle::same(float_bits(constant::add(x, y)), oracle::ieee::add(a, b)) &&
                 oracle::same(float_bits(constant::divide(x, y)), oracle::ieee::divide(a, b));
        }) == 0);
}
#endif

TEST_CASE("minimum prefers a number to a NaN on either side") {
  float const nan = float_from_bits(0x7FC0'0000u);
  CHECK(arch::minimum(nan, 1.0f) == 1.0f);
  CHECK(arch::minimum(1.0f, nan) == 1.0f);
  CHECK(arch::minimum(nan, nan) != arch::minimum(nan, nan));
}

namespace {

/// 2688 / divisor but no more than the largest float, 1 where the divisor is 0.
float clamped_quotient(std::uint32_t const volatile& divisor_bits) {
  float const divisor = float_from_bits(divisor_bits);
  float const quotient =
      arch::minimum(arch::divide(2688.0f, divisor), nibble::detail::largest_float);
  return arch::equal(divisor, 0) || arch::equal(quotient, 0) ? 1.0f : quotient;
}

}  // namespace

// bugs: A7
TEST_CASE("a quotient that overflows does not make a zero of its divisor") {
  std::uint32_t volatile bits = 0;
  CHECK(clamped_quotient(bits) == 1);
  for (std::uint32_t const tiny : {0x0000'0001u, 0x006C'E3EEu, 0x0080'0000u}) {
    bits = tiny;
    CHECK(clamped_quotient(bits) == nibble::detail::largest_float);
  }
}
