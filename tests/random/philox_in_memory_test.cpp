// SPDX-License-Identifier: Apache-2.0
#include <nibble/random/philox_in_memory.hpp>

#include <doctest/doctest.h>

#include <vector>

#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

#include "oracle/philox.hpp"
#include "support/matrices.hpp"

using nibble::random::philox_in_memory;
using nibble::random::philox_state;

static_assert(nibble::random::source<philox_in_memory<>>);
static_assert(nibble::random::batched_source<philox_in_memory<>>);

TEST_CASE("each call draws with what memory holds then") {
  philox_state state{0x0123'4567'89AB'CDEFu, 17};
  philox_in_memory<> const source{&state};
  nibble::rounding::stochastic<8, philox_in_memory<>> const rounding{source};
  float values[16];
  for (float& value : values) value = 1.0f + 0.5f * 0.7f;
  for (std::uint64_t const stream : {17u, 18u, 0u}) {
    state.stream = stream;
    auto const codes = rounding.encode<nibble::fp4_e2m1>(values, 1600);
    for (int i = 0; i < 16; ++i) {
      std::uint32_t const random =
          oracle::random_word(state.seed, stream, 1600 + static_cast<std::uint64_t>(i), 8);
      // floor(256 * 0.7) = 179 of the 256 random numbers carry.
      CHECK(codes[i].bits() == (random >= 256 - 179 ? 3 : 2));
    }
  }
}

TEST_CASE("a matrix is quantized as with the same seed and stream by value") {
  auto const values = fixture::filled(40, 130, 9);
  philox_state const state{5, 6};
  nibble::rounding::stochastic<16, philox_in_memory<>> const in_memory{{&state}};
  nibble::rounding::stochastic<16> const by_value{{5, 6}}, other{{5, 7}};
  using scaling = nibble::scaling::amax<>;
  auto const a = nibble::quantized(values.view(), nibble::quantizer{scaling{}, in_memory});
  auto const b = nibble::quantized(values.view(), nibble::quantizer{scaling{}, by_value});
  auto const c = nibble::quantized(values.view(), nibble::quantizer{scaling{}, other});
  CHECK(a.code_bytes() == b.code_bytes());
  CHECK(a.code_bytes() != c.code_bytes());
}
