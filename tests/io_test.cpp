// SPDX-License-Identifier: Apache-2.0
// Numbers print as the floats they are, blocks as a scale and its values.
#include <nibble/io.hpp>

#include <doctest/doctest.h>

#include <iomanip>
#include <sstream>
#include <string>

#include <nibble/fp4_e2m1.hpp>
#include <nibble/fp8_e4m3.hpp>
#include <nibble/scaling/adaptive.hpp>
#include <nibble/quantizer.hpp>

namespace {

template <class T>
std::string text(T value) {
  std::ostringstream out;
  out << std::showpos << std::setprecision(3) << value;
  return out.str();
}

constexpr float values[16]{0, .1f, -.2f, .3f, .5f, -.75f, 1, -1.25f, 1.5f, -2, 2.5f, -3, .6f, 3.2f, 0, .35f};
constexpr auto nvfp4 = nibble::quantizer<>{}(values, nibble::tensor_amax{7.5f});

}  // namespace

TEST_CASE("a number is written as its float, manipulators included") {
  CHECK(text(nibble::fp4_e2m1(1.5f)) == "+1.5");
  CHECK(text(nibble::fp4_e2m1(-0.0f)) == "-0");
  for (int code = 0; code != 256; ++code) {
    auto const x = nibble::fp8_e4m3::from_bits(code);
    CHECK(text(x) == text(static_cast<float>(x)));
  }
}

TEST_CASE("packed numbers are written as a list") {
  CHECK(text(nvfp4.codes) == "[+0 +0 -0.5 +0.5 +1 -1.5 +2 -2 +3 -4 +4 -6 +1 +6 +0 +0.5]");
}

TEST_CASE("a block is written as its scale and the values of its codes") {
  std::ostringstream out;
  out << std::setw(20) << nvfp4;
  CHECK(out.str() == "192 * [0 0 -0.5 0.5 1 -1.5 2 -2 3 -4 4 -6 1 6 0 0.5]");
  CHECK(text(nibble::fp8_block{}).substr(0, 12) == "+0 * [+0 +0 ");
}

TEST_CASE("a block with two tables shows the values of the one it chose") {
  nibble::razer_block block{nvfp4.codes, {nibble::fp8_e4m3(2.0f), 1}};
  block.codes.set(0, nibble::fp4_e2m1::from_bits(8));
  CHECK(text(block).substr(0, 12) == "+2 * [-5 +0 ");
}

#if defined(__cpp_lib_format)
TEST_CASE("std::format gives a specification to each number of a block") {
  CHECK(std::format("{}", nvfp4) == "192 * [0 0 -0.5 0.5 1 -1.5 2 -2 3 -4 4 -6 1 6 0 0.5]");
  CHECK(std::format("<{:4.1f}>", nvfp4.codes).substr(0, 12) == "<[ 0.0  0.0 ");
}

TEST_CASE("std::format takes a number and a float's specifications") {
  CHECK(std::format("{}", nibble::fp4_e2m1(1.5f)) == "1.5");
  CHECK(std::format("{:>8.2f}|", nibble::fp8_e4m3(448.0f)) == "  448.00|");
  CHECK(std::format(L"{}", nibble::fp4_e2m1(-3.0f)) == L"-3");
}
#endif
