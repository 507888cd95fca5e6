// SPDX-License-Identifier: Apache-2.0
// The choice between two tables: never worse than either, against errors of doubles; the laws.
#include <nibble/scaling/adaptive.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "support/scaling_laws.hpp"

namespace {

using namespace nibble;

template <class Block, class Quantizer>
double squared_error(float const (&values)[16], Block const& block, Quantizer const& q,
                     tensor_amax amax) {
  auto const back = q.decode(block, q.prepare(amax));
  double error = 0;
  for (int i = 0; i < 16; ++i) {
    double const e = static_cast<double>(back[i]) - static_cast<double>(values[i]);
    error += e * e;
  }
  return error;
}

/// The block with the other table: the same scale, codes by the other tag.
template <class Block>
Block other(float const (&values)[16], Block const& block, tensor_amax amax) {
  using q = quantizer<Block, scaling::adaptive<>>;
  float const encode = scaling::encode_multiplier(static_cast<float>(block.scale), q::prepare(amax));
  float scaled[16];
  for (int i = 0; i < 16; ++i) scaled[i] = values[i] * encode;
  int const tag = 1 - block.scale.tag();
  return {Block::table::encode(rounding::nearest_even{}, scaled, tag, 0),
          tagged_e4m3::from_bits((block.scale.bits() & 0x7Fu) | static_cast<std::uint32_t>(tag) << 7)};
}

template <class Block>
void keeps_the_better() {
  oracle::block_generator const generate(17);
  quantizer<Block, scaling::adaptive<>> const q{};
  int wrong = 0, tagged = 0, count = 0;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    auto const pool = generate(i).values;
    float values[16];
    bool plain = true;
    for (std::size_t j = 0; j < 16; ++j) {
      values[j] = std::bit_cast<float>(pool[j]);
      plain = plain && std::fabs(values[j]) < 1e15f && (values[j] == 0 || std::fabs(values[j]) > 1e-15f);
    }
    if (!plain) continue;
    tensor_amax const amax{scaling::tile_amax(reinterpret_cast<float const(&)[1][16]>(values))};
    if (amax.value == 0) continue;
    auto const block = q(values, amax);
    double const mine = squared_error(values, block, q, amax);
    double const theirs = squared_error(values, other(values, block, amax), q, amax);
    // FP32 sums may call a tie by a hair.
    wrong += mine > theirs * (1 + 1e-5);
    tagged += block.scale.tag();
    ++count;
  }
  CHECK(wrong == 0);
  CHECK(count > 1000);
  CHECK(tagged > count / 50);
  CHECK(tagged < count - count / 50);
}

}  // namespace

TEST_CASE("the table with the smaller error is kept, whichever it is") {
  keeps_the_better<if4_block>();
  keeps_the_better<razer_block>();
}

TEST_CASE("the scale is that of scaling::amax, with a tag") {
  float const values[1][16] = {{0.3f, -2.4f, 1.1f, 7.0f}};
  auto const f = tensor_scale::current<>{}.from<fp4_e2m1>({9.0f});
  auto const adaptive = scaling::adaptive<>::choose<if4_block>(values, f);
  auto const plain = scaling::amax<>::choose<nvfp4_block>(values, f);
  CHECK((adaptive.scale.bits() & 0x7F) == plain.scale.bits());
  CHECK(adaptive.encode == plain.encode);
}

TEST_CASE("zeros stay zeros under either table") {
  CHECK(laws::zeros_stay_zeros<scaling::adaptive<>, if4_block>() == 0);
  CHECK(laws::zeros_stay_zeros<scaling::adaptive<>, razer_block>() == 0);
}

TEST_CASE("evenly spread values take integers, normal ones with an outlier take E2M1") {
  float even[16], spread[16];
  for (int i = 0; i < 16; ++i) {
    even[i] = static_cast<float>(i % 8) * (i < 8 ? 1.0f : -1.0f);
    spread[i] = i == 0 ? 6.0f : 0.5f * static_cast<float>(i % 4);
  }
  quantizer<if4_block, scaling::adaptive<>> const q{};
  CHECK(q(even, tensor_amax{7}).scale.tag() == 1);
  CHECK(q(spread, tensor_amax{6}).scale.tag() == 0);
}

TEST_CASE("a square tile has one tag, by the errors of all of its rows") {
  using square = scaling::adaptive<scaling::squared_error, scaling::tile::square>;
  float even[16], spread[16];
  for (int i = 0; i < 16; ++i) {
    even[i] = static_cast<float>(i % 8) * (i < 8 ? 1.0f : -1.0f);
    spread[i] = i == 0 ? 7.0f : 0.5f * static_cast<float>(i % 4) * 7.0f / 6.0f;
  }
  auto const f = tensor_scale::current<>{}.from<fp4_e2m1>({7.0f});
  for (int odd = 0; odd < 16; ++odd) {
    float values[16][16];
    for (int r = 0; r < 16; ++r) std::memcpy(values[r], r == odd ? spread : even, sizeof even);
    CHECK(square::choose<if4_block>(values, f).scale.tag() == 1);
    for (int r = 0; r < 16; ++r) std::memcpy(values[r], r == odd ? even : spread, sizeof even);
    CHECK(square::choose<if4_block>(values, f).scale.tag() == 0);
  }
}
