// SPDX-License-Identifier: Apache-2.0
// The reset of oscillating weights: which it finds, where it puts them, when, and that a stop changes
// nothing.
#include "train_lm/oscillation_reset.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace train_lm;

namespace {

/// To the nearest whole number.
matrix<float> whole(matrix<float> const& m) {
  return m.unaryExpr([](float v) { return std::round(v); });
}

/// Weights of four kinds: one to and fro across 0.5, one that travels, one that rests, one that trembles
/// far from an edge.
struct weights {
  parameter<float> all{"w", matrix<float>::Zero(1, 4), matrix<float>::Zero(1, 4), true};
  void move(std::uint64_t step) {
    float const sign = step % 2 == 0 ? 1.0f : -1.0f;
    all.value(0, 0) = 0.5f + 0.01f * sign;
    all.value(0, 1) = 0.1f * static_cast<float>(step);
    all.value(0, 3) = 2.0f + 0.01f * sign;
  }
};

}  // namespace

TEST_CASE("train_lm: a weight that oscillates becomes its quantized value, and no other") {
  weights w;
  oscillation_reset hook(whole, {&w.all}, {.period = 20, .window = 8, .ratio = 8});
  for (std::uint64_t step = 0; step < 19; ++step) {
    w.move(step);
    CHECK(hook.after_update(step) == 0);
  }
  w.move(19);
  matrix<float> const before = w.all.value;
  CHECK(hook.after_update(19) == 1);
  CHECK(w.all.value(0, 0) == std::round(before(0, 0)));
  for (int i = 1; i < 4; ++i) CHECK(w.all.value(0, i) == before(0, i));
}

TEST_CASE("train_lm: a weight that oscillated only before the window is left alone") {
  weights w;
  oscillation_reset hook(whole, {&w.all}, {.period = 20, .window = 8, .ratio = 8});
  std::int64_t resets = 0;
  for (std::uint64_t step = 0; step < 40; ++step) {
    w.move(step);
    if (step % 20 >= 11) w.all.value(0, 0) = 0.6f;
    resets += hook.after_update(step);
  }
  CHECK(resets == 0);
}

TEST_CASE("train_lm: a weight that became NaN stays NaN, however its quantized value travelled") {
  weights w;
  // As narrow formats do, which have no NaN: the quantized value of one is a number.
  auto const saturating = [](matrix<float> const& m) {
    return m.unaryExpr([](float v) { return std::isnan(v) ? 6.0f : std::round(v); }).eval();
  };
  oscillation_reset hook(saturating, {&w.all}, {.period = 20, .window = 8, .ratio = 8});
  std::int64_t resets = 0;
  for (std::uint64_t step = 0; step < 20; ++step) {
    w.move(step);
    if (step == 19) w.all.value(0, 0) = NAN;
    resets += hook.after_update(step);
  }
  CHECK(resets == 0);
  CHECK(std::isnan(w.all.value(0, 0)));
}

TEST_CASE("train_lm: a hook whose memory is stored and put back goes on as if nothing had been") {
  weights once, twice;
  oscillation_options const options{.period = 20, .window = 8, .ratio = 8};
  oscillation_reset whole_run(whole, {&once.all}, options), first(whole, {&twice.all}, options),
      second(whole, {&twice.all}, options);
  std::int64_t resets = 0, resets_split = 0;
  for (std::uint64_t step = 0; step < 40; ++step) {
    once.move(step);
    resets += whole_run.after_update(step);
    twice.move(step);
    if (step == 16) {
      auto const from = first.state();
      auto const to = second.state();
      REQUIRE(from.size() == to.size());
      for (std::size_t i = 0; i < from.size(); ++i) *to[i].second = *from[i].second;
    }
    resets_split += (step < 16 ? first : second).after_update(step);
  }
  CHECK(resets == 2);
  CHECK(resets_split == 2);
  CHECK(once.all.value == twice.all.value);
}
