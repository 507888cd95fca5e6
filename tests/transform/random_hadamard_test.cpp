// SPDX-License-Identifier: Apache-2.0
// The transform with signs: the published vector and ramp, drawn signs, the laws, the oracle's bits.
#include <nibble/transform/random_hadamard.hpp>

#include <doctest/doctest.h>

#include <bit>

#include <nibble/random/philox.hpp>

#include "oracle/blocks.hpp"
#include "oracle/hadamard.hpp"
#include "support/transform_laws.hpp"

using namespace nibble;
using transform::random_hadamard;

namespace {

constexpr auto applied(float const (&input)[16]) {
  laws::vector_of<random_hadamard<>> result{};
  for (int i = 0; i < 16; ++i) {
    result.values[i] = input[i];
  }
  random_hadamard<>{}.apply(result.values);
  return result;
}

// The published ramp 1 to 16 under the sign vector 0xD7E8.
constexpr auto ramp = applied({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
constexpr float expected_ramp[16] = {-15.5f, -7.5f, 7.5f, -.5f, 7.5f, -.5f,  -15.5f, 8.5f,
                                     8.5f,   16.5f, 1.5f, 1.5f, 1.5f, -2.5f, 10.5f,  -17.5f};
// Unit vectors give the rows of the matrix: row 0 is flat, row 3 has a minus sign before it.
constexpr auto row_0 = applied({1});
constexpr auto row_3 = applied({0, 0, 0, 1});
constexpr int pattern_3[16] = {1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1};
static_assert([] {
  for (int i = 0; i < 16; ++i) {
    if (ramp.values[i] != expected_ramp[i] || row_0.values[i] != .25f ||
        row_3.values[i] != -.25f * static_cast<float>(pattern_3[i])) {
      return false;
    }
  }
  return true;
}());
static_assert(random_hadamard<16>{}.signs[0] == 0xD7E8u);
static_assert(random_hadamard<128>{}.signs[3] == 0xD7E8'D7E8u);
static_assert(sizeof(random_hadamard<128>) == 16 && sizeof(random_hadamard<16>) == 4);

/// Under signs of which no two words, and no two neighbours' runs, are alike.
template <int N>
constexpr laws::vector_of<random_hadamard<N>> under_drawn_signs() {
  laws::vector_of<random_hadamard<N>> result{};
  for (int i = 0; i < N; ++i) result.values[i] = static_cast<float>(1 << i % 13);
  random_hadamard<N>::drawn(random::philox4x32<>{5, 6}).apply(result.values);
  return result;
}

template <int N>
bool constant_is_run() {
  static constexpr auto constant = under_drawn_signs<N>();
  auto const run = under_drawn_signs<N>();
  bool same = true;
  for (int i = 0; i < N; ++i) {
    same = same && std::bit_cast<std::uint32_t>(constant.values[i]) == std::bit_cast<std::uint32_t>(run.values[i]);
  }
  return same;
}

template <int N, class Result>
std::uint32_t mismatches(std::uint64_t count) {
  oracle::block_generator const generate(92);
  std::uint32_t wrong = 0;
  for (std::uint64_t i = 0; i != count; ++i) {
    auto const h = random_hadamard<N, Result>::drawn(random::philox4x32<>{i, 7}, i);
    std::vector<std::uint32_t> input;
    std::vector<bool> flips;
    float values[std::size_t{N}];
    for (std::size_t j = 0; j != std::size_t{N}; ++j) {
      input.push_back(generate(i * 8 + j / 16).values[j % 16]);
      flips.push_back((h.signs[j / 32] >> (j % 32) & 1u) != 0);
      values[j] = std::bit_cast<float>(input.back());
    }
    h.apply(values);
    auto const expected = oracle::hadamard(input, flips, std::is_same_v<Result, bf16>);
    for (std::size_t j = 0; j != std::size_t{N}; ++j) {
      wrong += oracle::same(std::bit_cast<std::uint32_t>(values[j]), expected[j]) ? 0U : 1U;
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("with drawn signs every bit is the oracle's") {
  CHECK(mismatches<16, float>(2'000) == 0);
  CHECK(mismatches<32, float>(500) == 0);
  CHECK(mismatches<64, bf16>(500) == 0);
  CHECK(mismatches<128, bf16>(500) == 0);
}

TEST_CASE("constant expressions flip the signs that a run does") {
  CHECK(constant_is_run<16>());
  CHECK(constant_is_run<32>());
  CHECK(constant_is_run<128>());
}

TEST_CASE("it is undone exactly and keeps products, on small integers, whatever the signs") {
  random::philox4x32<> const source{3, 9};
  for (std::uint64_t step = 0; step != 20; ++step) {
    CHECK(laws::inverse_violations(random_hadamard<16>::drawn(source, step), 500) == 0);
    CHECK(laws::product_violations(random_hadamard<16>::drawn(source, step), 20) == 0);
    CHECK(laws::product_violations(random_hadamard<64>::drawn(source, step), 10) == 0);
  }
  CHECK(laws::inverse_violations(random_hadamard<16>{}, 1'000) == 0);
  CHECK(laws::product_violations(random_hadamard<16>{}, 100) == 0);
}

TEST_CASE("signs are the words of one call: the same for the same step, others for the next") {
  random::philox4x32<> const source{1, 2};
  for (std::uint64_t step = 0; step != 50; ++step) {
    random::words const words = source(step);
    auto const narrow = random_hadamard<16>::drawn(source, step);
    auto const wide = random_hadamard<128>::drawn(source, step);
    CHECK(narrow.signs[0] == (words.value[0] & 0xFFFFu));
    for (int i = 0; i < 4; ++i) {
      CHECK(wide.signs[i] == words.value[i]);
    }
    CHECK(random_hadamard<128>::drawn(source, step + 1).signs[0] != wide.signs[0]);
  }
  CHECK(random_hadamard<128>::drawn(source).signs[0] == random_hadamard<128>::drawn(source, 0).signs[0]);
}

TEST_CASE("a drawn sign never takes a zero's or a NaN's place: only bit 31 changes") {
  random_hadamard<16> h;
  h.signs[0] = 0xFFFFu;
  float values[16]{};
  h.invert(values);
  for (float const value : values) {
    CHECK(std::bit_cast<std::uint32_t>(value) == 0x80000000U);
  }
}
