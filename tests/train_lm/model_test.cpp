// SPDX-License-Identifier: Apache-2.0
// The whole model: its gradient, its first loss, its determinism, and the sizes it refuses.
#include "train_lm/model.hpp"

#include <doctest/doctest.h>

#include "train_lm/adamw.hpp"
#include "train_lm/gradient_check.hpp"
#include "train_lm/text.hpp"

using namespace train_lm;

namespace {
model_config small_model() {
  return {.pattern = "M-*-",
          .width = 16,
          .hidden = 32,
          .scan = {.inner = 32, .heads = 16, .groups = 2, .state = 4},
          .heads = {.queries = 4, .keys = 2, .head = 4}};
}

text sample_text() {
  std::string bytes;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    bytes += "the quick brown fox jumps over the lazy dog; "[random_bits(1, 0, i / 8) % 40 + i % 6];
  }
  return text{bytes};
}
}  // namespace

TEST_CASE("train_lm: the model has the gradient of its loss in every parameter") {
  parallel_for const parallel;
  model<double> language{small_model(), 1, exact_projections<double>()};
  // At first the head is nearly zero and hides the rest; a real one makes all gradients matter.
  language.trained().find("head.weight")->value = check::numbers("head", 256, 16, 0.5);
  step_context const context = check::context(parallel, 5);
  token_batch const batch{5, {1, 2, 3, 2, 1, 9, 8, 1, 2, 3}, {2, 3, 2, 1, 7, 8, 1, 2, 3, 255}};
  language.loss_and_gradient(batch, context);
  extent checked = 0;
  for (parameter<double>& each : language.trained()) {
    CAPTURE(each.name);
    // The embeddings and scores of the bytes that the batch has are enough; others are slow.
    bool const per_symbol = each.value.rows() == symbols;
    matrix<double>& value = each.value;
    auto const loss = [&] { return language.loss(batch, context); };
    if (per_symbol) {
      matrix<double> rows = value.topRows(10);
      auto const loss_of_rows = [&] {
        value.topRows(10) = rows;
        return loss();
      };
      CHECK(check::gradient_error(rows, each.gradient.topRows(10), loss_of_rows) < 1e-6);
      value.topRows(10) = rows;
    } else {
      CHECK(check::gradient_error(value, each.gradient, loss) < 1e-6);
    }
    ++checked;
  }
  CHECK(checked == 21);
}

TEST_CASE("train_lm: a fresh model knows nothing: it gives every byte about the same chance") {
  parallel_for const parallel;
  model<float> language{model_config{}, 1, exact_projections<float>()};
  step_context const context{1, 0, 64, false, parallel};
  double const loss = language.loss(sample_text().training_batch(1, 0, 2, 64), context);
  CHECK(loss == doctest::Approx(std::log(256.0)).epsilon(0.01));
}

TEST_CASE("train_lm: one thread and three give identical bytes of every weight") {
  auto const train = [](int threads) {
    parallel_for const parallel{threads};
    auto language = std::make_unique<model<float>>(model_config{}, 1, exact_projections<float>());
    adamw<float> optimizer{adamw_options{}, language->trained()};
    text const lines = sample_text();
    for (std::uint64_t step = 0; step < 3; ++step) {
      step_context const context{1, step, 48, true, parallel};
      language->trained().clear_gradients();
      language->loss_and_gradient(lines.training_batch(1, step, 4, 48), context);
      optimizer.update(language->trained(), 1e-3, step, parallel);
    }
    return language;
  };
  auto const one = train(1), three = train(3);
  model<float> const untrained{model_config{}, 1, exact_projections<float>()};
  auto first = one->trained().begin();
  auto fresh = untrained.trained().begin();
  for (parameter<float> const& each : three->trained()) {
    CAPTURE(each.name);
    CHECK(each.value == first->value);
    CHECK(each.value != fresh->value);
    ++first, ++fresh;
  }
}

TEST_CASE("train_lm: a model refuses sizes that do not fit") {
  auto const refuses = [](auto change) {
    model_config config = small_model();
    change(config);
    CHECK_THROWS_AS(model<float>(config, 1, exact_projections<float>()), std::invalid_argument);
  };
  CHECK_NOTHROW(small_model().check());
  CHECK_NOTHROW(model_config{}.check());
  refuses([](model_config& config) { config.pattern = "MX"; });
  refuses([](model_config& config) { config.pattern = ""; });
  refuses([](model_config& config) { config.width = 24; });
  refuses([](model_config& config) { config.width = 0; });
  refuses([](model_config& config) { config.scan.heads = 8; });  // in_proj becomes 104 wide
  refuses([](model_config& config) { config.scan.heads = 0; });
  refuses([](model_config& config) { config.scan.groups = 3; });
  refuses([](model_config& config) { config.heads.keys = 3; });
}

TEST_CASE("train_lm: a recipe is asked once for each projection, with its role and place") {
  std::vector<std::string> asked;
  projection_factory<float> const recording = [&](projection_place const& place,
                                                  parameter<float>& weight) {
    asked.push_back(std::to_string(place.block) + "/" + std::to_string(place.blocks) + " " +
                    place.role + " " + weight.name);
    return std::make_unique<exact_projection<float>>(weight);
  };
  model<float> const language{small_model(), 1, recording};
  CHECK(asked == std::vector<std::string>{
                     "0/4 mamba.in_proj blocks.0.mamba.in_proj.weight",
                     "0/4 mamba.out_proj blocks.0.mamba.out_proj.weight",
                     "1/4 ffn.w1 blocks.1.ffn.w1.weight",
                     "1/4 ffn.w2 blocks.1.ffn.w2.weight",
                     "2/4 attention.qkv blocks.2.attention.qkv.weight",
                     "2/4 attention.out blocks.2.attention.out.weight",
                     "3/4 ffn.w1 blocks.3.ffn.w1.weight",
                     "3/4 ffn.w2 blocks.3.ffn.w2.weight",
                 });
}
