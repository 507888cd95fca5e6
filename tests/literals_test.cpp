// SPDX-License-Identifier: Apache-2.0
// Every literal that compiles is the number that it spells; those that must not are in
// compile_fail.
#include <nibble/literals.hpp>

#include <doctest/doctest.h>

#include <type_traits>

using namespace nibble::literals;

static_assert((1.5_e2m1).bits() == 0x3 && (6_e2m1).bits() == 0x7 && (-0.5_e2m1).bits() == 0x9);
static_assert((0.0_e2m1).bits() == 0 && (-0.0_e2m1).bits() == 0x8);
static_assert((7.5_e2m3).bits() == 0x1F && (0.125_e2m3).bits() == 1 && (2_e2m3).bits() == 0x10);
static_assert((28_e3m2).bits() == 0x1F && (0.0625_e3m2).bits() == 1);
static_assert((448_e4m3).bits() == 0x7E && (0.001953125_e4m3).bits() == 1 &&
              (1.0_e4m3).bits() == 0x38);
static_assert((57344_e5m2).bits() == 0x7B && (1_e5m2).bits() == 0x3C);
static_assert((1_e8m0).bits() == 127 && (0.5_e8m0).bits() == 126 && (0x1p-127_e8m0).bits() == 0);
static_assert((114688_ue5m3).bits() == 0xFE && (0x1p-17_ue5m3).bits() == 1);
static_assert((1.0078125_bf16).bits() == 0x3F81 && (1_bf16).bits() == 0x3F80);
static_assert((65504_fp16).bits() == 0x7BFF && (0x1p-24_fp16).bits() == 1);

TEST_CASE("a literal has the type that it names") {
  CHECK(std::is_same_v<decltype(1_e2m1), nibble::fp4_e2m1>);
  CHECK(std::is_same_v<decltype(1_e2m3), nibble::fp6_e2m3>);
  CHECK(std::is_same_v<decltype(1_e3m2), nibble::fp6_e3m2>);
  CHECK(std::is_same_v<decltype(1_e4m3), nibble::fp8_e4m3>);
  CHECK(std::is_same_v<decltype(1_e5m2), nibble::fp8_e5m2>);
  CHECK(std::is_same_v<decltype(1_e8m0), nibble::e8m0>);
  CHECK(std::is_same_v<decltype(1_ue5m3), nibble::ue5m3>);
  CHECK(std::is_same_v<decltype(1_bf16), nibble::bf16>);
  CHECK(std::is_same_v<decltype(1_fp16), nibble::fp16>);
}
