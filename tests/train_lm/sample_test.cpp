// SPDX-License-Identifier: Apache-2.0
// Bytes are drawn with the chances that the scores give, and a sample can be had again.
#include "train_lm/sample.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace train_lm;

TEST_CASE("train_lm: draw_byte follows the scores and the temperature") {
  std::vector<float> logits(256, -1000.0f);
  logits[10] = std::log(1.0f);
  logits[20] = std::log(3.0f);
  CHECK(draw_byte(logits.data(), 1.0, 0.0) == 10);
  CHECK(draw_byte(logits.data(), 1.0, 0.2499) == 10);
  CHECK(draw_byte(logits.data(), 1.0, 0.2501) == 20);
  CHECK(draw_byte(logits.data(), 1.0, 0.9999) == 20);
  CHECK(draw_byte(logits.data(), 0.5, 0.0999) == 10);  // 1 to 9
  CHECK(draw_byte(logits.data(), 0.5, 0.1001) == 20);
}

TEST_CASE("train_lm: a sample begins with the prompt, has its length and can be had again") {
  parallel_for const parallel;
  model_config config;
  config.pattern = "M*";
  model<float> language{config, 1, exact_projections<float>()};
  sample_options const how{.prompt = "Once", .bytes = 40, .window = 20};
  std::string const written = sample(language, how, parallel);
  CHECK(written.substr(0, 4) == "Once");
  CHECK(written.size() == 44);
  CHECK(sample(language, how, parallel) == written);
  sample_options other = how;
  other.seed = 2;
  CHECK(sample(language, other, parallel) != written);
  CHECK(sample(language, {.prompt = "", .bytes = 3}, parallel).size() == 4);
}
