// SPDX-License-Identifier: Apache-2.0
// Rounding that loses the sign of -0 and of nothing else.
// runs: host device
#include <nibble/interop/unsigned_zero.hpp>

#include <doctest/doctest.h>

#include <nibble/fp8_e4m3.hpp>

#include "support/everywhere.hpp"

using nibble::interop::unsigned_zero;
using nibble::rounding::nearest_even;

static_assert(nibble::rounding::policy<unsigned_zero>);

namespace {

/// Sixteen floats a predicate: equal to nearest_even but for -0.
struct differs_for_negative_zero_only {
  NIBBLE_HD bool operator()(std::uint64_t i) const {
    float values[16];
    for (std::uint32_t j = 0; j < 16; ++j) {
      values[j] = nibble::detail::float_from_bits(static_cast<std::uint32_t>(i) * 65521u * 16u +
                                                  j * 0x1000'0000u);
    }
    auto const ours = unsigned_zero::encode<nibble::fp4_e2m1>(values);
    auto const even = nearest_even::encode<nibble::fp4_e2m1>(values);
    for (int j = 0; j < 16; ++j) {
      bool const is_zero = nibble::detail::magnitude_bits(values[j]) == 0;
      if (ours[j].bits() != (is_zero ? 0 : even[j].bits())) return false;
    }
    return true;
  }
};

}  // namespace

TEST_CASE("trap: libraries that ask x < 0 store -0 as +0, and a negative that rounds to 0 as -0") {
  float const values[16] = {-0.0f, 0.0f, -0.1f, 0.1f, -1e-40f};
  auto const codes = unsigned_zero::encode<nibble::fp4_e2m1>(values);
  CHECK(codes[0].bits() == 0);
  CHECK(codes[2].bits() == 8);
  CHECK(codes[4].bits() == 8);
  CHECK(nearest_even::encode<nibble::fp4_e2m1>(values)[0].bits() == 8);
}

TEST_CASE("unsigned_zero is nearest_even everywhere but at -0") {
  CHECK(everywhere::sweep(1 << 16, differs_for_negative_zero_only{}) == 0);
}
