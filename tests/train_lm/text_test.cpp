// SPDX-License-Identifier: Apache-2.0
// What is held out stays out, and batches depend on seed and step alone.
#include "train_lm/text.hpp"

#include <doctest/doctest.h>

using namespace train_lm;

namespace {
std::string numbered(std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i % 251);
  return bytes;
}
}  // namespace

TEST_CASE("train_lm: a twentieth of each stretch is held out, and nothing is lost or doubled") {
  text const parts{numbered(40'007)};
  CHECK(parts.training().size() + parts.validation().size() == 40'007);
  CHECK(parts.validation().size() == 2000);
  CHECK(parts.training().substr(0, 1900) == std::string_view{numbered(1900)});
  CHECK(parts.validation()[0] == static_cast<char>(1900 % 251));
  CHECK(parts.training()[1900] == static_cast<char>(2000 % 251));
}

TEST_CASE("train_lm: a step sees the same bytes whenever it is asked for") {
  text const parts{numbered(20'000)};
  token_batch const batch = parts.training_batch(5, 17, 4, 32);
  CHECK(batch.inputs.size() == 128);
  CHECK(batch.targets.size() == 128);
  CHECK(batch.length == 32);
  for (std::size_t i = 0; i < 128; ++i) {
    if (i % 32 != 31) CHECK(batch.targets[i] == batch.inputs[i + 1]);
  }
  parts.training_batch(5, 18, 4, 32);
  CHECK(parts.training_batch(5, 17, 4, 32).inputs == batch.inputs);
  CHECK(parts.training_batch(5, 18, 4, 32).inputs != batch.inputs);
  CHECK(parts.training_batch(6, 17, 4, 32).inputs != batch.inputs);
}

TEST_CASE("train_lm: validation windows cover the held-out part evenly") {
  text const parts{numbered(20'000)};  // 1000 bytes held out
  token_batch const first = parts.validation_batch(0, 2, 2, 100);
  token_batch const second = parts.validation_batch(1, 2, 2, 100);
  auto const held_out = parts.validation();
  CHECK(first.inputs[0] == static_cast<std::uint8_t>(held_out[0]));
  CHECK(first.inputs[100] == static_cast<std::uint8_t>(held_out[225]));
  CHECK(second.inputs[0] == static_cast<std::uint8_t>(held_out[450]));
  CHECK(second.targets[199] == static_cast<std::uint8_t>(held_out[675 + 100]));
}

TEST_CASE("train_lm: a text that is too short is refused") {
  CHECK_THROWS_AS(text{"short"}.require_length(128), std::invalid_argument);
  CHECK_THROWS_AS(text{""}.require_length(1), std::invalid_argument);
  CHECK_NOTHROW(text{numbered(20'000)}.require_length(128));
}
