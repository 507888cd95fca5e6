// SPDX-License-Identifier: Apache-2.0
// The checks on entry: what they let through, what they throw, and the words of the messages.
#include <nibble/detail/host_check.hpp>

#include <doctest/doctest.h>

#include <cfenv>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

using namespace nibble::detail;

namespace {

std::string message_under(int rounding, [[maybe_unused]] unsigned control) {
  std::string message = "none";
  std::fesetround(rounding);
#if defined(__SSE__)
  unsigned const before = _mm_getcsr();
  _mm_setcsr(before | control);
#endif
  try {
    require_ieee("f");
  } catch (std::runtime_error const& error) {
    message = error.what();
  }
#if defined(__SSE__)
  _mm_setcsr(before);
#endif
  std::fesetround(FE_TONEAREST);
  return message;
}

}  // namespace

TEST_CASE("shapes are written as rows x columns, beyond 32 bits too") {
  CHECK(shape_text(0, -1) == "0 x -1");
  CHECK(shape_text(std::int64_t{1} << 40, 7) == "1099511627776 x 7");
}

TEST_CASE("require throws its message unless the condition holds") {
  CHECK_NOTHROW(require(true, "unused"));
  CHECK_THROWS_WITH_AS(require(false, "got 1, need 2"), "got 1, need 2", std::invalid_argument);
}

TEST_CASE("the default environment passes, each other one is named with its remedy") {
  CHECK(message_under(FE_TONEAREST, 0) == "none");
  std::string const remedy =
      "need the default floating-point environment; restore it with std::fesetenv(FE_DFL_ENV) before "
      "the call";
  for (int const mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    CHECK(message_under(mode, 0) == "f: got a rounding mode other than nearest; " + remedy);
  }
#if defined(__SSE__)
  std::string const flushed =
      "subnormals flushed to zero (a library linked with -ffast-math does that); ";
  CHECK(message_under(FE_TONEAREST, 0x8000U) == "f: got " + flushed + remedy);
  CHECK(message_under(FE_TONEAREST, 0x0040U) == "f: got " + flushed + remedy);
  CHECK(message_under(FE_UPWARD, 0x8040U) ==
        "f: got a rounding mode other than nearest; " + flushed + remedy);
#endif
}
