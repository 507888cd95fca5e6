// SPDX-License-Identifier: Apache-2.0
// The two written-again random models and the published answers agree.
#include "oracle/philox.hpp"

#include <doctest/doctest.h>

#include <cstdint>

#include "oracle/golden_philox.hpp"

TEST_CASE("the witness's philox gives the known answers") {
  for (golden::philox_answer const& answer : golden::philox_answers) {
    CAPTURE(answer.rounds);
    CHECK(oracle::philox4x32(answer.counter, answer.key, answer.rounds) == answer.words);
  }
}

TEST_CASE("the witness's random words are the bytes, halves and low 24 bits of a call's words") {
  oracle::four_words const call = oracle::philox4x32({5, 0, 0x89ABCDEFU, 7}, {0x12345678U, 9}, 10);
  std::uint64_t const seed = 0x912345678U;
  std::uint64_t const stream = 0x789ABCDEFU;
  for (std::uint32_t element = 0; element != 16; ++element) {
    std::uint32_t const byte = (call[element / 4] >> (8 * (element % 4))) & 0xFFU;
    CHECK(oracle::random_word(seed, stream, 5 * 16 + element, 8) == byte);
  }
  for (std::uint32_t element = 0; element != 8; ++element) {
    std::uint32_t const half = (call[element / 2] >> (16 * (element % 2))) & 0xFFFFU;
    CHECK(oracle::random_word(seed, stream, 5 * 8 + element, 16) == half);
  }
  for (std::uint32_t element = 0; element != 4; ++element) {
    CHECK(oracle::random_word(seed, stream, 5 * 4 + element, 24) == (call[element] & 0xFFFFFFU));
  }
  oracle::four_words const far = oracle::philox4x32({0, 1, 0, 0}, {0, 0}, 10);
  CHECK(oracle::random_word(0, 0, std::uint64_t{1} << 36, 8) == (far[0] & 0xFFU));
}
