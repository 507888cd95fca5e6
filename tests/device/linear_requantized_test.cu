// SPDX-License-Identifier: Apache-2.0
// The linear layer on the device under recipes that quantize codes again or choose a grid.
#include <doctest/doctest.h>

#include <nibble/recipes/if4.hpp>
#include <nibble/recipes/quartet2.hpp>
#include <nibble/recipes/razer.hpp>
#include <nibble/recipes/tetrajet2.hpp>

#include "support/device_layer.cuh"

using namespace nibble;
using fixture::equals_host;

TEST_CASE("y, dx and dW of recipes that quantize again or choose a grid are the host's, byte for byte") {
  if (!fixture::has_device()) return;
  equals_host<recipes::quartet2>("quartet2");
  equals_host<recipes::tetrajet2>("tetrajet2");
  equals_host<recipes::razer>("razer");
  equals_host<recipes::if4>("if4");
}
