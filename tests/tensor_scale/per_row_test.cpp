// SPDX-License-Identifier: Apache-2.0
// Per row: the arithmetic of current under another granularity; matrices are in quantize_test.
#include <nibble/tensor_scale/per_row.hpp>

#include <doctest/doctest.h>

#include <initializer_list>

using namespace nibble;
using tensor_scale::per_row;

TEST_CASE("an amax per row has the factors of an amax per tensor") {
  static_assert(per_row<>::shares == tensor_scale::granularity::row && per_row<>::bound == 448 &&
                per_row<256>::bound == 256);
  for (float const amax : {0.0f, 1.0f, 7.5f, 1e-40f}) {
    auto const a = per_row<256>::from<fp4_e2m1>({amax});
    auto const b = tensor_scale::current<256>::from<fp4_e2m1>({amax});
    CHECK(a.encode == b.encode);
    CHECK(a.decode == b.decode);
    CHECK(per_row<256>::decode<fp4_e2m1>(3, a) == tensor_scale::current<256>::decode<fp4_e2m1>(3, b));
  }
}
