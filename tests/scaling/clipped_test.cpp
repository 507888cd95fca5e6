// SPDX-License-Identifier: Apache-2.0
// The clipped scale: the laws, where the amax lands, and what it costs and gains.
#include <nibble/scaling/clipped.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <type_traits>

#include "support/scaling_laws.hpp"

using namespace nibble;
using scaling::clipped;

static_assert(std::is_same_v<clipped<1, 1>, scaling::amax<>>);
static_assert(scaling::policy<clipped<93, 100>, nvfp4_block>);
static_assert(scaling::needs_amax_only<clipped<93, 100>, nvfp4_block>);

TEST_CASE("the largest magnitude is mapped to Of / Keep of the largest element") {
  for (float const amax : {1.0f, 3.5f, 100.0f}) {
    auto const f = clipped<93, 100>::outer{}.from<fp4_e2m1>({amax});
    auto const chosen = clipped<93, 100>::choose_for<nvfp4_block>(amax, f);
    // Within half a step of the scale, 1/16.
    CHECK(std::fabs(amax * chosen.encode - 6 / 0.93f) < 6 / 0.93f / 16);
    CHECK(amax * chosen.encode > 6.0f);
  }
}

TEST_CASE("only what is beyond the kept part saturates") {
  float values[16] = {7.2f, 6.4f, 5.9f, 1.0f};
  quantizer<nvfp4_block, clipped<3, 4, scaling::tile::row, tensor_scale::none>> const q{};
  auto const block = q(values, tensor_amax{0});
  // The amax of 7.2 is mapped to 8: a scale of 0.9, rounded to 0.875 in E4M3, reaches 5.25.
  CHECK(static_cast<float>(block.scale) == 0.875f);
  CHECK(static_cast<float>(block.codes[0]) == 6.0f);
  CHECK(static_cast<float>(block.codes[2]) == 6.0f);
  CHECK(static_cast<float>(block.codes[3]) == 1.0f);
}

TEST_CASE("zeros stay zeros under a clipped scale") {
  CHECK(laws::zeros_stay_zeros<clipped<93, 100>, nvfp4_block>() == 0);
}
