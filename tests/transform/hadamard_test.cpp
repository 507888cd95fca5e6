// SPDX-License-Identifier: Apache-2.0
// The Hadamard transform: orthogonal by proof at compile time, equal to the oracle's butterflies.
#include <nibble/transform/hadamard.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <utility>

#include "oracle/blocks.hpp"
#include "oracle/hadamard.hpp"
#include "support/transform_laws.hpp"

using namespace nibble;
using transform::hadamard;

namespace {

/// Row i of the transform has entries +-factor with the sign of popcount(i & j), and the transform of
/// that row of signs is N at i and 0 elsewhere: H Ht = N I, row by row.
template <int N>
consteval bool row_is_orthogonal(int i) {
  float row[std::size_t{N}]{};
  row[i] = 1;
  hadamard<N>::apply(row);
  for (int j = 0; j < N; ++j) {
    bool const negative = std::popcount(static_cast<unsigned>(i & j)) % 2 != 0;
    if (row[j] != (negative ? -hadamard<N>::factor : hadamard<N>::factor)) {
      return false;
    }
    row[j] = negative ? -1.0f : 1.0f;
  }
  hadamard<N>::apply(row);
  for (int j = 0; j < N; ++j) {
    if (row[j] != (i == j ? static_cast<float>(N) * hadamard<N>::factor : 0.0f)) {
      return false;
    }
  }
  return true;
}
// One constant expression a row, because compilers bound the steps of each.
template <int N, std::size_t... Row>
consteval bool is_orthogonal(std::index_sequence<Row...>) {
  return (std::bool_constant<row_is_orthogonal<N>(Row)>::value && ...);
}
static_assert(transform::hadamard<>::size == 16);
static_assert(is_orthogonal<16>(std::make_index_sequence<16>{}));
static_assert(is_orthogonal<32>(std::make_index_sequence<32>{}));
static_assert(is_orthogonal<64>(std::make_index_sequence<64>{}));
static_assert(is_orthogonal<128>(std::make_index_sequence<128>{}));

template <int N, class Result>
std::uint32_t mismatches(std::uint64_t count) {
  oracle::block_generator const generate(91);
  std::uint32_t wrong = 0;
  for (std::uint64_t i = 0; i != count; ++i) {
    std::vector<std::uint32_t> input;
    for (std::uint64_t part = 0; part != N / 16; ++part) {
      auto const block = generate(i * (N / 16) + part);
      input.insert(input.end(), block.values.begin(), block.values.end());
    }
    float values[std::size_t{N}];
    for (std::size_t j = 0; j != std::size_t{N}; ++j) {
      values[j] = std::bit_cast<float>(input[j]);
    }
    hadamard<N, Result>::apply(values);
    auto const expected =
        oracle::hadamard(input, std::vector<bool>(std::size_t{N}), std::is_same_v<Result, bf16>);
    bool equal = true;
    for (std::size_t j = 0; j != std::size_t{N}; ++j) {
      equal &= oracle::same(std::bit_cast<std::uint32_t>(values[j]), expected[j]);
    }
    wrong += equal ? 0U : 1U;
  }
  return wrong;
}

}  // namespace

TEST_CASE("every size and result type has the oracle's bits, on hard numbers and specials") {
  CHECK(mismatches<16, float>(20'000) == 0);
  CHECK(mismatches<32, float>(10'000) == 0);
  CHECK(mismatches<64, float>(5'000) == 0);
  CHECK(mismatches<128, float>(2'500) == 0);
  CHECK(mismatches<16, bf16>(20'000) == 0);
  CHECK(mismatches<128, bf16>(2'500) == 0);
}

TEST_CASE("sizes 16 and 64 are undone exactly and keep products, on small integers") {
  CHECK(laws::inverse_violations(hadamard<16>{}, 10'000) == 0);
  CHECK(laws::inverse_violations(hadamard<64>{}, 1'000) == 0);
  CHECK(laws::product_violations(hadamard<16>{}, 100) == 0);
  CHECK(laws::product_violations(hadamard<64>{}, 30) == 0);
}

TEST_CASE("sizes 32 and 128 are undone up to the rounding of 1 / sqrt(N), to the same integers") {
  auto const rounds_back = []<int N>(hadamard<N> h) {
    int wrong = 0;
    for (std::uint64_t i = 0; i != 1000; ++i) {
      auto const original = laws::small_integers<hadamard<N>>(i, 1000);
      auto changed = original;
      h.apply(changed.values);
      h.invert(changed.values);
      for (std::size_t j = 0; j != std::size_t{N}; ++j) {
        // Adding 1.5 * 2^23 rounds to an integer.
        float const rounded = arch::subtract(arch::add(changed.values[j], 0x1.8p23f), 0x1.8p23f);
        wrong += rounded == original.values[j] ? 0 : 1;
      }
    }
    return wrong;
  };
  CHECK(rounds_back(hadamard<32>{}) == 0);
  CHECK(rounds_back(hadamard<128>{}) == 0);
}

TEST_CASE("the bf16 form is the float form rounded once, and its inverse does not round") {
  float plain[16], rounded[16];
  for (int i = 0; i < 16; ++i) {
    plain[i] = rounded[i] = 1.0f + static_cast<float>(i * i) / 64;
  }
  hadamard<16>::apply(plain);
  hadamard<16, bf16>::apply(rounded);
  int changed = 0;
  for (int i = 0; i < 16; ++i) {
    CHECK(rounded[i] == static_cast<float>(bf16(plain[i])));
    changed += rounded[i] != plain[i] ? 1 : 0;
  }
  CHECK(changed > 0);
  float by_float[16], by_bf16[16];
  for (int i = 0; i < 16; ++i) {
    by_float[i] = by_bf16[i] = plain[i];
  }
  hadamard<16>::invert(by_float);
  hadamard<16, bf16>::invert(by_bf16);
  for (int i = 0; i < 16; ++i) {
    CHECK(by_bf16[i] == by_float[i]);
  }
}
