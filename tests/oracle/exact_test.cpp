// SPDX-License-Identifier: Apache-2.0
// Who checks the witness: its binary32 arithmetic against the hardware's on hard operands.
#include "oracle/exact.hpp"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "oracle/blocks.hpp"

namespace {

using oracle::ieee;

/// Operands with fields from the ends and the middle as often as from anywhere.
std::uint32_t operand(oracle::bit_source& random) {
  constexpr std::array<std::uint32_t, 10> fractions{0x000000U, 0x000001U, 0x000002U, 0x3FFFFFU,
                                                    0x400000U, 0x400001U, 0x7FFFFEU, 0x7FFFFFU,
                                                    0x2AAAABU, 0x555555U};
  constexpr std::array<std::uint32_t, 12> exponents{0,   1,   2,   23,  24,  103,
                                                    126, 127, 128, 150, 254, 255};
  auto const drawn = static_cast<std::uint32_t>(random.next());
  std::uint32_t const fraction = random.below(2) != 0 ? random.pick(fractions) : drawn & 0x7FFFFFU;
  std::uint32_t const exponent =
      random.below(2) != 0 ? random.pick(exponents) : (drawn >> 23) & 255U;
  return (drawn & oracle::sign_mask) | exponent << 23 | fraction;
}

float as_float(std::uint32_t bits) { return std::bit_cast<float>(bits); }
std::uint32_t as_bits(float value) { return std::bit_cast<std::uint32_t>(value); }

}  // namespace

#ifndef __FAST_MATH__
TEST_CASE("the witness multiplies, divides and adds as the hardware does") {
  oracle::bit_source random(11);
  std::array<std::uint64_t, 4> wrong{};
  std::pair<std::uint32_t, std::uint32_t> last{};
  for (int round = 0; round != 3'000'000; ++round) {
    std::uint32_t const a = operand(random);
    std::uint32_t b = operand(random);
    if (round % 4 == 0) {  // sums that cancel or nearly do
      b = (a ^ oracle::sign_mask) + random.below(5) - 2;
    }
    // volatile: one operation at a time, at run time
    float volatile const left = as_float(a);
    float volatile const right = as_float(b);
    float volatile const product = left * right;
    float volatile const quotient = left / right;
    float volatile const sum = left + right;
    float volatile const difference = left - right;
    std::array<bool, 4> const equal{oracle::same(ieee::multiply(a, b), as_bits(product)),
                                    oracle::same(ieee::divide(a, b), as_bits(quotient)),
                                    oracle::same(ieee::add(a, b), as_bits(sum)),
                                    oracle::same(ieee::subtract(a, b), as_bits(difference))};
    for (std::size_t which = 0; which != 4; ++which) {
      if (equal[which])
        continue;
      ++wrong[which];
      last = {a, b};
    }
  }
  CAPTURE(last.first);
  CAPTURE(last.second);
  CHECK(wrong[0] == 0);
  CHECK(wrong[1] == 0);
  CHECK(wrong[2] == 0);
  CHECK(wrong[3] == 0);
}

TEST_CASE("the witness rounds binary64 to binary32 as the hardware does") {
  oracle::bit_source random(12);
  std::uint64_t wrong = 0;
  for (int round = 0; round != 1'000'000; ++round) {
    // Exponents around binary32's range, fractions on and beside its midpoints.
    std::uint64_t const exponent = 1023U - 160U + random.below(300);
    std::uint64_t fraction = random.next() & 0x000FFFFFFFFFFFFFU;
    if (random.below(2) != 0) {
      int const kept = static_cast<int>(random.below(25));
      fraction = (fraction >> (52 - kept)) << (52 - kept);
      fraction = (fraction + random.below(3) - 1) & 0x000FFFFFFFFFFFFFU;
    }
    std::uint64_t const bits =
        (random.next() & (std::uint64_t{1} << 63)) | exponent << 52 | fraction;
    auto const narrowed = static_cast<float>(std::bit_cast<double>(bits));
    wrong +=
        oracle::round_to_binary32(oracle::from_binary64(bits).value) == as_bits(narrowed) ? 0U : 1U;
  }
  CHECK(wrong == 0);
}
#endif

TEST_CASE("the witness answers exactly where the answer is known") {
  CHECK(ieee::divide(oracle::one_bits, 0x40C00000U) == 0x3E2AAAABU);           // 1 / 6
  CHECK(ieee::divide(0x45280000U, 0x40F00000U) == 0x43B33333U);                // 2688 / 7.5
  CHECK(ieee::divide(oracle::one_bits, oracle::largest_bits) == 0x00200000U);  // subnormal
  CHECK(ieee::divide(0x3F800000U, 0x00000000U) == oracle::infinity_bits);
  CHECK(ieee::divide(0x3F800000U, 0x80000000U) == (oracle::sign_mask | oracle::infinity_bits));
  CHECK(oracle::is_nan(ieee::divide(0U, 0U)));
  CHECK(ieee::multiply(0x00000001U, 0x3F000000U) == 0);  // tie to even
  CHECK(ieee::multiply(0x00000003U, 0x3F000000U) == 0x00000002U);
  CHECK(ieee::multiply(0x7F7FFFFFU, 0x3F800001U) == oracle::infinity_bits);
  CHECK(ieee::add(0x3F800000U, 0x33800000U) == 0x3F800000U);  // 1 + 2^-24
  CHECK(ieee::add(0x3F800001U, 0x33800000U) == 0x3F800002U);
  CHECK(ieee::add(0x7F7FFFFFU, 0x00000001U) == 0x7F7FFFFFU);
  CHECK(ieee::add(0x3F800000U, 0x80000001U) == 0x3F800000U);
  CHECK(ieee::add(0x80000000U, 0x80000000U) == 0x80000000U);
  CHECK(ieee::add(0x80000000U, 0x00000000U) == 0);
}

TEST_CASE("the witness's minimum drops a NaN and orders by value") {
  CHECK(oracle::minimum(0x7FC00000U, 0x3F800000U) == 0x3F800000U);
  CHECK(oracle::minimum(0x3F800000U, 0x7F800001U) == 0x3F800000U);
  CHECK(oracle::is_nan(oracle::minimum(0x7FC00000U, 0xFFC00000U)));
  CHECK(oracle::minimum(oracle::infinity_bits, oracle::largest_bits) == oracle::largest_bits);
  CHECK(oracle::minimum(0xBF800000U, 0x3F800000U) == 0xBF800000U);
  CHECK(oracle::minimum(0xC0000000U, 0xBF800000U) == 0xC0000000U);
}

TEST_CASE("the witness's flushing arithmetic has no subnormal operands or results") {
  CHECK(oracle::flushed::multiply(0x00400000U, 0x40000000U) == 0);
  CHECK(oracle::flushed::multiply(0x80400000U, 0x40000000U) == oracle::sign_mask);
  CHECK(oracle::flushed::divide(oracle::one_bits, oracle::largest_bits) == 0);
  CHECK(oracle::flushed::divide(oracle::one_bits, 0x40C00000U) == 0x3E2AAAABU);
}

TEST_CASE("the witness compares dyadic numbers of any size") {
  oracle::dyadic const one{false, 1, 0};
  CHECK(oracle::compare_magnitudes(one, {false, 1024, -10}) == 0);
  CHECK(oracle::compare_magnitudes(one, {false, 1, -1074}) > 0);
  CHECK(oracle::compare_magnitudes({false, (std::uint64_t{1} << 63) + 1, -63}, one) > 0);
  CHECK(oracle::compare_magnitudes({false, 0, 500}, {false, 1, -1074}) < 0);
}
