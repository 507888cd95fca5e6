// SPDX-License-Identifier: Apache-2.0
// Whole products are matmul_test's; here are the limits that the exact sums rest on.
#include <doctest/doctest.h>

#include <nibble/detail/host_products.hpp>

namespace {
// The largest product of two NVFP4 numbers, in units of 2^-20.
constexpr double largest = 6.0 * 448.0 * 6.0 * 448.0 * nibble::detail::units_per_one;
}  // namespace

TEST_CASE("a chunk's sum fits FP64 and a whole sum fits 64 bits") {
  static_assert(largest < 0x1p43);
  static_assert(static_cast<double>(nibble::detail::exact_chunk) * largest <= 0x1p53);
  static_assert(static_cast<double>(nibble::detail::exact_limit) * largest < 0x1p63);
  // The smallest scale times the smallest element, squared, is one unit.
  CHECK(0.5 * 0x1p-9 * 0.5 * 0x1p-9 * nibble::detail::units_per_one == 1.0);
}

TEST_CASE("a product goes through the barrier before it is added") {
  double const a = 1 + 0x1p-30, b = 1 - 0x1p-30;
  CHECK(nibble::detail::opaque(a * b) - 1 == 0);  // an fma would leave -2^-60
}
