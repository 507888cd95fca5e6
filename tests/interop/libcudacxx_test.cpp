// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <nibble/block.hpp>
#include <nibble/interop/libcudacxx.hpp>

// bugs: B21
TEST_CASE("cuda::std::numeric_limits has the exponents of the standard's definition") {
  using cuda::std::numeric_limits;
  static_assert(numeric_limits<nibble::fp4_e2m1>::is_specialized);
  static_assert(numeric_limits<nibble::fp4_e2m1>::min_exponent == 1);
  static_assert(numeric_limits<nibble::fp4_e2m1>::max_exponent == 3);
  static_assert(numeric_limits<nibble::fp8_e4m3>::min_exponent == -5);
  static_assert(numeric_limits<nibble::fp8_e4m3>::max_exponent == 9);
  static_assert(numeric_limits<nibble::fp8_e5m2>::min_exponent == -13);
  static_assert(numeric_limits<nibble::fp8_e5m2>::max_exponent == 16);
  static_assert(numeric_limits<nibble::e8m0>::min_exponent == -126);
  static_assert(numeric_limits<nibble::e8m0>::max_exponent == 128);
  CHECK(static_cast<float>(numeric_limits<nibble::fp8_e4m3>::max()) == 448);
}
