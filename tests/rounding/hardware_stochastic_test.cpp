// SPDX-License-Identifier: Apache-2.0
// What can be said without the instruction: where it is missing, the policy is stochastic<8>. What
// the instruction does is for examples/blackwell_self_test to say.
#include <nibble/rounding/hardware_stochastic.hpp>

#include <doctest/doctest.h>

#include <initializer_list>

#include <nibble/nibble.hpp>

#include "support/rounding_laws.hpp"

using nibble::rounding::hardware_stochastic;

static_assert(nibble::rounding::policy<hardware_stochastic<>>);
static_assert(hardware_stochastic<>::is_stochastic);

TEST_CASE("without the instruction every code is that of stochastic rounding with 8 bits") {
  hardware_stochastic<> const hardware{{3, 4}};
  nibble::rounding::stochastic<8> const software{{3, 4}};
  int differences = 0, ups = 0;
  for (std::uint32_t first = 0; first != 4096; first += 16) {
    float values[16];
    for (std::uint32_t i = 0; i != 16; ++i) {
      values[i] =
          laws::rounding<nibble::fp4_e2m1, nibble::rounding::stochastic<8>>::number(first + i);
    }
    for (std::uint64_t const position : {first, first + 3}) {
      auto const a = hardware.encode<nibble::fp4_e2m1>(values, position);
      auto const b = software.encode<nibble::fp4_e2m1>(values, position);
      auto const nearest = nibble::rounding::nearest_even::encode<nibble::fp4_e2m1>(values);
      for (int i = 0; i < 16; ++i) {
        differences += a[i].bits() != b[i].bits();
        ups += a[i].bits() != nearest[i].bits();
      }
    }
  }
  CHECK(differences == 0);
  CHECK(ups > 100);  // it did round stochastically
}

TEST_CASE("it serves a quantizer as any rounding does") {
  float values[16] = {0.1f, -0.2f, 0.3f, 0.4f, 3.0f, -6.0f};
  nibble::quantizer const hardware{nibble::scaling::amax<>{}, hardware_stochastic<>{{3, 4}}};
  nibble::quantizer const software{nibble::scaling::amax<>{},
                                   nibble::rounding::stochastic<8>{{3, 4}}};
  auto const a = hardware(values, nibble::tensor_amax{6.0f}, 32);
  auto const b = software(values, nibble::tensor_amax{6.0f}, 32);
  CHECK(a.scale.bits() == b.scale.bits());
  for (int i = 0; i < 16; ++i) CHECK(a.codes[i].bits() == b.codes[i].bits());
}
