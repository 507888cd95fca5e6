// SPDX-License-Identifier: Apache-2.0
// A product and a sum stay two roundings where the compiler was told that it may fuse them.
#include "fused.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <vector>

#include "oracle/exact.hpp"

namespace {

struct rows {
  std::vector<float> a, b, c, sums, differences, plain;

  rows() {
    // a * b = 1 + 2^-11 + 2^-24 + ...: rounding the product first loses what c leaves over.
    for (std::uint32_t i = 1; i != 4097; ++i) {
      float const factor = std::bit_cast<float>(0x3F80'0000u + 2 * i + 1);
      a.push_back(factor);
      b.push_back(factor);
      c.push_back(i % 2 != 0 ? -1.0f : -factor);
    }
    sums.resize(a.size());
    differences.resize(a.size());
    plain.resize(a.size());
    fused::through_arithmetic(a.data(), b.data(), c.data(), sums.data(), differences.data(),
                              a.size());
    fused::plainly(a.data(), b.data(), c.data(), plain.data(), a.size());
  }
};

std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

std::uint32_t twice_rounded(float a, float b, float c) {
  return oracle::ieee::add(oracle::ieee::multiply(bits(a), bits(b)), bits(c));
}

}  // namespace

TEST_CASE("no product of arithmetic.hpp fuses with the sum that takes it") {
  rows const r;
  std::uint32_t wrong = 0;
  for (std::size_t i = 0; i != r.a.size(); ++i) {
    wrong += bits(r.sums[i]) != twice_rounded(r.a[i], r.b[i], r.c[i]);
    wrong += bits(r.differences[i]) != twice_rounded(r.a[i], r.b[i], -r.c[i]);
  }
  CHECK(wrong == 0);
}

#if defined(NIBBLE_TEST_FUSES)
TEST_CASE("the same operations written plainly do fuse, so the case above can fail") {
  rows const r;
  std::uint32_t different = 0;
  for (std::size_t i = 0; i != r.a.size(); ++i) {
    different += bits(r.plain[i]) != twice_rounded(r.a[i], r.b[i], r.c[i]);
  }
  CHECK(different > r.a.size() / 2);
}
#endif
