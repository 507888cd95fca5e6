// SPDX-License-Identifier: Apache-2.0
// The transform that does nothing does nothing, to any number.
#include <nibble/transform/identity.hpp>

#include <doctest/doctest.h>

#include <bit>

#include "support/transform_laws.hpp"
#include "support/witness.hpp"

TEST_CASE("identity leaves every bit, of NaN and zeros too") {
  static_assert(nibble::transform::policy<nibble::transform::identity>);
  for (std::uint32_t const bits : witness::special_floats) {
    float values[1] = {std::bit_cast<float>(bits)};
    nibble::transform::identity::apply(values);
    nibble::transform::identity::invert(values);
    CHECK(std::bit_cast<std::uint32_t>(values[0]) == bits);
  }
  CHECK(laws::product_violations(nibble::transform::identity{}, 4) == 0);
}
