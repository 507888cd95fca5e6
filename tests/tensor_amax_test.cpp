// SPDX-License-Identifier: Apache-2.0
// The integer that amaxes are compared by orders magnitudes, and leaves NaN out.
#include <nibble/tensor_amax.hpp>

#include <doctest/doctest.h>

#include <bit>

#include "oracle/nvfp4.hpp"
#include "support/witness.hpp"

static_assert(nibble::amax_bits(-2.0f) == 0x40000000u && nibble::amax_bits(-0.0f) == 0);

TEST_CASE("amax_bits orders like magnitudes, keeps infinity, and takes NaN of any kind to 0") {
  for (std::uint32_t const a : witness::special_floats) {
    std::uint32_t const made = nibble::amax_bits(std::bit_cast<float>(a));
    std::array<std::uint32_t, 1> const alone{a};
    CHECK(made == oracle::amax_of(alone));
    for (std::uint32_t const b : witness::special_floats) {
      if (!oracle::is_nan(a) && !oracle::is_nan(b)) {
        bool const less = oracle::less(a & oracle::magnitude_mask, b & oracle::magnitude_mask);
        CHECK((made < nibble::amax_bits(std::bit_cast<float>(b))) == less);
      }
    }
  }
}
