// SPDX-License-Identifier: Apache-2.0
// The linear layer on the device under recipes that do more than quantize: means split off, hot
// channels apart, gradient rules.
#include <doctest/doctest.h>

#include <nibble/gradient/differentiable.hpp>
#include <nibble/gradient/masked.hpp>
#include <nibble/recipes/averis.hpp>
#include <nibble/recipes/mxfp8.hpp>

#include "support/device_layer.cuh"

using namespace nibble;
using fixture::equals_host;
using fixture::mismatches;

namespace {

struct mixed : recipes::nvfp4 {
  using channels = mixed_channels<recipes::mxfp8::fprop_x, 10>;
};
/// All steps at once: what is lost in the hot channels again, and a rule for either gradient.
struct augmented_with_rules : recipes::nvfp4 {
  using channels = augmented_channels<recipes::nvfp4::fprop_x, 10>;
  using x_gradient = gradient::masked;
  using w_gradient = gradient::differentiable<>;
};

}  // namespace

TEST_CASE("y, dx and dW of recipes that do more than quantize are the host's, byte for byte") {
  if (!fixture::has_device()) return;
  equals_host<recipes::averis>("averis");
  equals_host<mixed>("mixed channels");
  equals_host<augmented_with_rules>("augmented channels and gradient rules");
}

TEST_CASE("y of bf16 is rounded after each step that adds to it, as on the host") {
  if (!fixture::has_device()) return;
  CHECK(mismatches<recipes::averis, product::exact, bf16>({128, 96, 160}) == 0);
}
