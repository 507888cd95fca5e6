// SPDX-License-Identifier: Apache-2.0
// The amax as an integer maximum: the same for any order, with NaN aside and zeros without sign.
// runs: host device
#include <nibble/tensor_amax.hpp>

#include <doctest/doctest.h>

#include "support/everywhere.hpp"

namespace {

using nibble::detail::float_bits;
using nibble::detail::float_from_bits;

static_assert(nibble::amax_bits(-0.0f) == 0 && nibble::amax_bits(0.0f) == 0);
static_assert(nibble::amax_bits(-2.0f) == float_bits(2.0f));
static_assert(nibble::amax_bits(float_from_bits(0xFF80'0000u)) == 0x7F80'0000u);
static_assert(nibble::amax_bits(float_from_bits(0x7FC0'0000u)) == 0);
static_assert(nibble::tensor_amax{7.5f}.value == 7.5f);

struct orders_as_magnitude {
  NIBBLE_HD bool operator()(std::uint64_t i) const {
    auto const bits = static_cast<std::uint32_t>(i * 0x9E37'79B1u);
    auto const other = static_cast<std::uint32_t>(bits * 0x85EB'CA6Bu);
    std::uint32_t const a = nibble::amax_bits(float_from_bits(bits));
    std::uint32_t const b = nibble::amax_bits(float_from_bits(other));
    bool const is_nan = (bits & 0x7FFF'FFFFu) > 0x7F80'0000u;
    return a == (is_nan ? 0 : bits & 0x7FFF'FFFFu) &&
           (a < b) == (float_from_bits(a) < float_from_bits(b));
  }
};

}  // namespace

// bugs: A12
TEST_CASE("amax bits order as magnitudes do, and a NaN of any kind counts as nothing") {
  CHECK(everywhere::sweep(1 << 20, orders_as_magnitude{}) == 0);
  for (std::uint32_t const bits : {0x7F80'0001u, 0xFF80'0001u, 0x7FFF'FFFFu, 0xFFFF'FFFFu}) {
    CHECK(nibble::amax_bits(float_from_bits(bits)) == 0);
  }
}
