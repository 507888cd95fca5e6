// SPDX-License-Identifier: Apache-2.0
// ModelOpt's bytes, its floor of 2^-9 and its scale of 1 for zeros.
#include <nibble/interop/modelopt.hpp>

#include <doctest/doctest.h>

#include "support/conventions.hpp"
#include "support/scaling_laws.hpp"

using namespace nibble;
namespace mo = nibble::interop::modelopt;

static_assert(scaling::policy<mo::scale<>, nvfp4_block> && scaling::divides<mo::scale<>>);
static_assert(!scaling::needs_amax_only<mo::scale<>, nvfp4_block>);

TEST_CASE("ModelOpt's codes, scales and values are those of the exact model") {
  CHECK(conventions::differences<mo::weights>(golden::modelopt_blocks) == 0);
  CHECK(conventions::wrongly_decoded<mo::stored>(golden::modelopt_blocks) == 0);
  CHECK(conventions::differences<quantizer<>>(golden::modelopt_blocks) > 10);
}

TEST_CASE(
    "trap: ModelOpt stores the scale 1 for a block of zeros, and 2^-9 for one that underflows") {
  CHECK(static_cast<float>(mo::weights{}(conventions::first_is(0), tensor_amax{6}).scale) == 1);
  CHECK(static_cast<float>(mo::weights{}(conventions::first_is(1e-8f), tensor_amax{6}).scale) ==
        0x1p-9f);
  CHECK(static_cast<float>(quantizer<>{}(conventions::first_is(1e-8f), tensor_amax{6}).scale) == 0);
}

TEST_CASE("trap: weight_scale_2 is what codes are multiplied with, amax / 2688") {
  static_assert(mo::weight_scale_2({5376}).value == 2);
  auto const made = mo::weights{}(conventions::first_is(5376), tensor_amax{5376});
  CHECK(static_cast<float>(made.codes[0]) * static_cast<float>(made.scale) * 2 == 5376);
  CHECK(mo::stored{}.dequantize(made, mo::slot({2}))[0] == 5376);
}

TEST_CASE(
    "trap: ModelOpt divides by scale * g, and the product with the reciprocal is not the same") {
  using multiplying = quantizer<nvfp4_block>;
  int differ = 0;
  for (auto const& each : golden::modelopt_blocks) {
    auto const amax = tensor_amax{std::bit_cast<float>(each.amax)};
    auto const values = conventions::values_of(each);
    auto const a = mo::weights{}(values, amax), b = multiplying{}(values, amax);
    if (a.scale != b.scale) continue;  // only the elements are of interest
    for (int i = 0; i < 16; ++i) differ += a.codes[i] != b.codes[i];
  }
  CHECK(differ > 0);
}

// bugs: A1
TEST_CASE("trap: ModelOpt's block scales of an all-zero tensor are NaN, these are not") {
  auto const made = mo::weights{}(conventions::first_is(0), tensor_amax{0});
  CHECK(static_cast<float>(made.scale) == 1);
  CHECK(laws::zeros_stay_zeros<mo::scale<>, nvfp4_block>() == 0);
}
