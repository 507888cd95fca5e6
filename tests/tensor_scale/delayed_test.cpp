// SPDX-License-Identifier: Apache-2.0
// The history of amaxes: a window of the last tensors, and what a stale amax does.
#include <nibble/tensor_scale/delayed.hpp>

#include <doctest/doctest.h>

#include <initializer_list>

#include <nibble/nibble.hpp>

using namespace nibble;

namespace {

using delayed_3 = tensor_scale::delayed<3>;

constexpr float after(std::initializer_list<float> amaxes) {
  delayed_3::history history;
  for (float const amax : amaxes) {
    history.record({amax});
  }
  return history.amax().value;
}
static_assert(after({}) == 0 && after({5}) == 5 && after({5, 2}) == 5);
static_assert(after({5, 2, 3}) == 5 && after({5, 2, 3, 1}) == 3 && after({5, 2, 3, 1, 1}) == 3);
static_assert(after({5, 2, 3, 1, 1, 1}) == 1 && after({1, 1, 1, 1, 1, 1, 8}) == 8);
static_assert(std::is_aggregate_v<delayed_3::history>);
static_assert(sizeof(delayed_3::history) == 16);
static_assert(sizeof(tensor_scale::delayed<>::history) == 17 * 4);  // sixteen amaxes and a place

}  // namespace

TEST_CASE("a history never forgets early nor late, whatever its phase") {
  delayed_3::history history;
  float last[4] = {};
  for (int step = 0; step < 100; ++step) {
    float const amax = static_cast<float>((step * 37) % 101);
    history.record({amax});
    for (int i = 0; i < 3; ++i) {
      last[i] = last[i + 1];
    }
    last[2] = amax;
    float expected = 0;
    for (int i = 0; i < 3; ++i) {
      expected = last[i] > expected ? last[i] : expected;
    }
    CHECK(history.amax().value == expected);
  }
}

TEST_CASE("amaxes are written one after the other from the first, and round again") {
  tensor_scale::delayed<4>::history history;  // what a checkpoint stores
  for (int step = 0; step < 9; ++step) {
    CHECK(history.next == step % 4);
    history.record({static_cast<float>(step + 1)});
    CHECK(history.amaxes[step % 4] == static_cast<float>(step + 1));
  }
}

TEST_CASE("a NaN amax counts for nothing") {
  delayed_3::history history;
  history.record({2});
  history.record({detail::float_from_bits(0x7FC0'0000u)});
  CHECK(history.amax().value == 2);
}

TEST_CASE("the arithmetic is that of current, and a tensor that grew saturates") {
  auto const a = delayed_3::from<fp4_e2m1>({7.5f});
  auto const b = tensor_scale::current<>::from<fp4_e2m1>({7.5f});
  CHECK(a.encode == b.encode);
  CHECK(a.decode == b.decode);
  using q = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, delayed_3>>;
  float const values[16] = {100.0f, -100.0f, 6.0f};
  nvfp4_block const made = q{}(values, tensor_amax{6.0f});
  CHECK(static_cast<float>(made.scale) == 448.0f);
  CHECK(made.codes[0].bits() == 0x7);
  CHECK(made.codes[1].bits() == 0xF);
  CHECK(q{}.dequantize(made, {6.0f})[0] == 6.0f);
}
