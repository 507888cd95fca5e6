// SPDX-License-Identifier: Apache-2.0
// Per 1x128: the arithmetic of current under another granularity; matrices are in quantize_test.
#include <nibble/tensor_scale/per_block_128.hpp>

#include <doctest/doctest.h>

#include <initializer_list>

using namespace nibble;
using tensor_scale::per_block_128;

TEST_CASE("an amax per 128 elements has the factors of an amax per tensor") {
  static_assert(per_block_128<>::shares == tensor_scale::granularity::block_128);
  static_assert(per_block_128<>::bound == 448);
  for (float const amax : {0.0f, 1.0f, 7.5f, 1e-40f}) {
    auto const a = per_block_128<>::from<fp4_e2m1>({amax});
    auto const b = tensor_scale::current<>::from<fp4_e2m1>({amax});
    CHECK(a.encode == b.encode);
    CHECK(a.decode == b.decode);
    CHECK(per_block_128<>::decode<fp4_e2m1>(3, a) == tensor_scale::current<>::decode<fp4_e2m1>(3, b));
  }
}
