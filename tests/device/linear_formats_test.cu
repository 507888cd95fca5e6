// SPDX-License-Identifier: Apache-2.0
// The linear layer on the device under recipes of other formats.
#include <doctest/doctest.h>

#include <nibble/recipes/bf16.hpp>
#include <nibble/recipes/fp8.hpp>
#include <nibble/recipes/mxfp4.hpp>
#include <nibble/recipes/mxfp4_plain.hpp>
#include <nibble/recipes/mxfp8.hpp>
#include <nibble/recipes/ue5m3.hpp>
#include <nibble/recipes/ufp4.hpp>

#include "support/device_layer.cuh"

using namespace nibble;
using fixture::equals_host;

TEST_CASE("y, dx and dW of recipes of other formats are the host's, byte for byte") {
  if (!fixture::has_device()) return;
  equals_host<recipes::bf16>("bf16");
  equals_host<recipes::fp8>("fp8");
  equals_host<recipes::mxfp4>("mxfp4");
  equals_host<recipes::mxfp4_plain>("mxfp4_plain");
  equals_host<recipes::mxfp8>("mxfp8");
  equals_host<recipes::ue5m3>("ue5m3");
  equals_host<recipes::ufp4>("ufp4");
}
