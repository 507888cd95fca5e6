// SPDX-License-Identifier: Apache-2.0
// Without a tensor scale the amax changes nothing.
#include <nibble/tensor_scale/none.hpp>

#include <doctest/doctest.h>

#include <initializer_list>

using nibble::tensor_scale::none;

TEST_CASE("without a tensor scale both factors are 1 and a block scale is its own multiplier") {
  static_assert(none::bound == 0 && none::shares == nibble::tensor_scale::granularity::none);
  for (float const amax : {0.0f, 1e-45f, 3.0f, nibble::detail::float_from_bits(0x7FC0'0000u)}) {
    auto const f = none::from<nibble::fp4_e2m1>({amax});
    CHECK(f.encode == 1.0f);
    CHECK(f.decode == 1.0f);
    CHECK(none::decode<nibble::fp4_e2m1>(0x1p-127f, f) == 0x1p-127f);
  }
}
