// SPDX-License-Identifier: Apache-2.0
// The detector of the floating-point state against states that the test sets.
#include <doctest/doctest.h>

#include <cfenv>
#include <thread>

#include <nibble/arch/environment.hpp>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

using nibble::arch::current_environment;

TEST_CASE("a fresh thread is IEEE") {
  bool is_ieee = false;
  std::thread([&] { is_ieee = current_environment().is_ieee(); }).join();
  CHECK(is_ieee);
}

TEST_CASE("each rounding mode but to nearest is seen, and nothing else is") {
  for (int const mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    REQUIRE(std::fesetround(mode) == 0);
    auto const seen = current_environment();
    std::fesetround(FE_TONEAREST);
    CHECK_FALSE(seen.rounds_to_nearest);
    CHECK(seen.keeps_subnormal_results);
    CHECK(seen.keeps_subnormal_operands);
    CHECK_FALSE(seen.is_ieee());
  }
  CHECK(current_environment().is_ieee());
}

#if defined(__SSE2__)
TEST_CASE("flushing of results and of operands are told apart") {
  unsigned const before = _mm_getcsr();
  _mm_setcsr(before | 0x8000u);  // FTZ
  auto const results = current_environment();
  _mm_setcsr(before | 0x0040u);  // DAZ
  auto const operands = current_environment();
  _mm_setcsr(before | 0x8040u);
  auto const both = current_environment();
  _mm_setcsr(before);
  CHECK(results.rounds_to_nearest);
  CHECK_FALSE(results.keeps_subnormal_results);
  CHECK(results.keeps_subnormal_operands);
  CHECK(operands.rounds_to_nearest);
  CHECK(operands.keeps_subnormal_results);
  CHECK_FALSE(operands.keeps_subnormal_operands);
  CHECK_FALSE(both.keeps_subnormal_results);
  CHECK_FALSE(both.keeps_subnormal_operands);
  CHECK_FALSE(results.is_ieee());
  CHECK_FALSE(operands.is_ieee());
  CHECK(current_environment().is_ieee());
}
#endif
