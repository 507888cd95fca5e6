// SPDX-License-Identifier: Apache-2.0
// Numbers print as the floats they are.
#include <nibble/io.hpp>

#include <doctest/doctest.h>

#include <iomanip>
#include <sstream>
#include <string>

#include <nibble/fp4_e2m1.hpp>
#include <nibble/fp8_e4m3.hpp>

namespace {

template <class T>
std::string text(T value) {
  std::ostringstream out;
  out << std::showpos << std::setprecision(3) << value;
  return out.str();
}

}  // namespace

TEST_CASE("a number is written as its float, manipulators included") {
  CHECK(text(nibble::fp4_e2m1(1.5f)) == "+1.5");
  CHECK(text(nibble::fp4_e2m1(-0.0f)) == "-0");
  for (int code = 0; code != 256; ++code) {
    auto const x = nibble::fp8_e4m3::from_bits(code);
    CHECK(text(x) == text(static_cast<float>(x)));
  }
}

#if defined(__cpp_lib_format)
TEST_CASE("std::format takes a number and a float's specifications") {
  CHECK(std::format("{}", nibble::fp4_e2m1(1.5f)) == "1.5");
  CHECK(std::format("{:>8.2f}|", nibble::fp8_e4m3(448.0f)) == "  448.00|");
  CHECK(std::format(L"{}", nibble::fp4_e2m1(-3.0f)) == L"-3");
}
#endif
