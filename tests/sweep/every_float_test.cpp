// SPDX-License-Identifier: Apache-2.0
// Every float there is becomes the code that exact fractions say: 2^32 conversions to each format.
#include "every_float.hpp"

#include <doctest/doctest.h>

#include <nibble/bf16.hpp>
#include <nibble/block.hpp>
#include <nibble/fp16.hpp>
#include <nibble/ue5m3.hpp>

#include "support/witness.hpp"

namespace {

template <class T>
unsigned differences() {
  return sweep::pieces_with_differences(
      oracle::interval_table(witness::table<T::format>().definition()),
      [](float value) { return T(value).bits(); });
}

/// The general encoder, which the types may bypass for speed.
template <class T>
unsigned differences_of_the_general_encoder() {
  return sweep::pieces_with_differences(
      oracle::interval_table(witness::table<T::format>().definition()),
      [](float value) { return nibble::format::encode<T::format>(value); });
}

}  // namespace

TEST_CASE("all floats to e2m1") { CHECK(differences<nibble::fp4_e2m1>() == 0); }

TEST_CASE("all floats to e4m3") { CHECK(differences<nibble::fp8_e4m3>() == 0); }

TEST_CASE("all floats to bf16, against another formula") {
  std::atomic<std::uint64_t> wrong{0};
  sweep::every_pattern([&](std::uint32_t first, std::uint32_t last) {
    std::uint64_t mine = 0;
    for (std::uint64_t bits = first; bits <= last; ++bits) {
      auto const b = static_cast<std::uint32_t>(bits);
      // Half a step less one, and one more where the kept part is odd; the carry does the rest.
      std::uint32_t const rounded = (b + 0x7FFFu + (b >> 16 & 1u)) >> 16;
      std::uint32_t const expected = (b & 0x7FFF'FFFFu) > 0x7F80'0000u ? 0x7FFFu : rounded;
      mine += nibble::bf16(std::bit_cast<float>(b)).bits() != expected;
    }
    wrong += mine;
  });
  CHECK(wrong == 0);
}

TEST_CASE("NIBBLE_LONG=1: all floats to every other format, and through the general encoder") {
  if (!sweep::is_long()) {
    return;
  }
  CHECK(differences<nibble::fp6_e2m3>() == 0);
  CHECK(differences<nibble::fp6_e3m2>() == 0);
  CHECK(differences<nibble::fp8_e5m2>() == 0);
  CHECK(differences<nibble::e8m0>() == 0);
  CHECK(differences<nibble::ue5m3>() == 0);
  CHECK(differences<nibble::fp16>() == 0);
  CHECK(differences<nibble::bf16>() == 0);
  CHECK(differences_of_the_general_encoder<nibble::fp4_e2m1>() == 0);
  CHECK(differences_of_the_general_encoder<nibble::fp8_e4m3>() == 0);
}
