// SPDX-License-Identifier: Apache-2.0
// Every float there is becomes the code that exact fractions say: 2^32 conversions to each format.
#include "every_float.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include <nibble/bf16.hpp>
#include <nibble/block.hpp>
#include <nibble/fp16.hpp>
#include <nibble/rounding/nearest_even.hpp>
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

// bugs: B8
TEST_CASE("all floats to e2m1") { CHECK(differences<nibble::fp4_e2m1>() == 0); }

TEST_CASE("all floats to e2m1, sixteen at once, as a quantizer encodes them") {
  oracle::interval_table const expected(oracle::e2m1);
  std::atomic<std::uint64_t> wrong{0};
  sweep::every_pattern([&](std::uint32_t first, std::uint32_t last) {
    std::uint64_t mine = 0;
    for (std::uint64_t start = first; start <= last; start += 16) {
      float values[16];
      for (std::uint32_t i = 0; i != 16; ++i) {
        values[i] = std::bit_cast<float>(static_cast<std::uint32_t>(start) + i);
      }
      auto const codes = nibble::rounding::nearest_even{}.encode<nibble::fp4_e2m1>(values);
      std::uint64_t packed = 0;
      std::memcpy(&packed, codes.bytes(), sizeof packed);
      // Where one code covers the group, as it does almost everywhere, its bytes are all alike.
      std::uint64_t const code = expected.expected_code(static_cast<std::uint32_t>(start));
      if (packed != code * 0x1111'1111'1111'1111u) {
        for (int i = 0; i != 16; ++i) {
          auto const bits = static_cast<std::uint32_t>(start) + static_cast<std::uint32_t>(i);
          mine += codes[i].bits() != expected.expected_code(bits);
        }
      }
    }
    wrong += mine;
  });
  CHECK(wrong == 0);
}

// bugs: A2 B10 B16 B19
TEST_CASE("all floats to e4m3") { CHECK(differences<nibble::fp8_e4m3>() == 0); }

TEST_CASE("all floats to bf16") { CHECK(differences<nibble::bf16>() == 0); }

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
  CHECK(differences_of_the_general_encoder<nibble::fp4_e2m1>() == 0);
  CHECK(differences_of_the_general_encoder<nibble::fp8_e4m3>() == 0);
}
