// SPDX-License-Identifier: Apache-2.0
// MXFP8: six operands of eight bits.
#include <nibble/recipes/mxfp8.hpp>

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include "support/layer.hpp"

using recipe = nibble::recipes::mxfp8;

TEST_CASE("mxfp8 multiplies within the error of its formats, whatever the threads") {
  fixture::recipe_multiplies_within<recipe>(0.06);
  CHECK(std::string(recipe::name) == "mxfp8");
}
