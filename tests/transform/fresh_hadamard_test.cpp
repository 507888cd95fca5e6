// SPDX-License-Identifier: Apache-2.0
// The transform that asks for signs: the bits of random_hadamard with the same signs.
#include <nibble/transform/fresh_hadamard.hpp>

#include <doctest/doctest.h>

#include <nibble/random/philox.hpp>

#include "support/transform_laws.hpp"

using namespace nibble;
using transform::fresh_hadamard;
using transform::random_hadamard;

static_assert(transform::draws_signs<fresh_hadamard<>> && !transform::draws_signs<random_hadamard<>>);
static_assert(fresh_hadamard<>::size == 128 && transform::policy<fresh_hadamard<64>>);
static_assert(sizeof(fresh_hadamard<>) == sizeof(random_hadamard<128>));

TEST_CASE("it is random_hadamard with the drawn signs, and with the fixed ones before that") {
  random::philox4x32<> const source{8, 1};
  for (std::uint64_t call = 0; call != 20; ++call) {
    auto const fresh = fresh_hadamard<>::drawn(source, call);
    auto const plain = random_hadamard<128>::drawn(source, call);
    for (int i = 0; i < 4; ++i) CHECK(fresh.signs[i] == plain.signs[i]);
    float a[128], b[128];
    for (int i = 0; i < 128; ++i) a[i] = b[i] = static_cast<float>((i * 37 + 11) % 64) - 30.5f;
    fresh.apply(a);
    plain.apply(b);
    bool same = true;
    for (int i = 0; i < 128; ++i) same = same && a[i] == b[i];
    CHECK(same);
  }
  CHECK(fresh_hadamard<>{}.signs[0] == random_hadamard<128>{}.signs[0]);
  CHECK(fresh_hadamard<>::drawn(source).signs[0] == fresh_hadamard<>::drawn(source, 0).signs[0]);
}

TEST_CASE("it is undone exactly on small integers, whatever the signs") {
  for (std::uint64_t step = 0; step != 20; ++step) {
    CHECK(laws::inverse_violations(fresh_hadamard<64>::drawn(random::philox4x32<>{3, 9}, step), 200) == 0);
  }
}
