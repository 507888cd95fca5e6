// SPDX-License-Identifier: Apache-2.0
// Hashes agree with ==, and numbers work as keys.
#include <nibble/hash.hpp>

#include <doctest/doctest.h>

#include <set>
#include <unordered_set>

#include <nibble/fp16.hpp>
#include <nibble/fp8_e4m3.hpp>

TEST_CASE("equal numbers hash alike, and of 253 different ones each gets a hash of its own") {
  std::set<std::size_t> hashes;
  for (int a = 0; a != 256; ++a) {
    auto const x = nibble::fp8_e4m3::from_bits(a);
    for (int b = 0; b != 256; ++b) {
      auto const y = nibble::fp8_e4m3::from_bits(b);
      if (x == y) {
        CHECK(std::hash<nibble::fp8_e4m3>{}(x) == std::hash<nibble::fp8_e4m3>{}(y));
      }
    }
    if (x == x) {
      hashes.insert(std::hash<nibble::fp8_e4m3>{}(x));
    }
  }
  CHECK(hashes.size() == 253);  // 256 less two NaNs and the second zero
}

TEST_CASE("a set of numbers finds -0 as +0") {
  std::unordered_set<nibble::fp16> set{nibble::fp16(0.0f), nibble::fp16(1.0f)};
  CHECK(set.count(nibble::fp16(-0.0f)) == 1);
  CHECK(set.count(nibble::fp16(1.0f)) == 1);
  CHECK(set.count(nibble::fp16(2.0f)) == 0);
}
