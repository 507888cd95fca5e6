// SPDX-License-Identifier: Apache-2.0
// One run: a model under one recipe, trained on one text. Everything a step does depends on the
// options and the step's number, so a run may stop anywhere and go on elsewhere.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "train_lm/checkpoint.hpp"
#include "train_lm/model.hpp"
#include "train_lm/oscillation_reset.hpp"
#include "train_lm/sample.hpp"
#include "train_lm/schedule.hpp"
#include "train_lm/text.hpp"

namespace train_lm {

/// How linear layers calculate, under a name.
struct recipe {
  std::string name;
  projection_factory<float> projections;
  std::string products = "exact";  ///< how its sums are made, for a checkpoint to remember
  /// Where its projections count.
  std::shared_ptr<operand_statistics> statistics = std::make_shared<operand_statistics>();
  /// What a weight is worth once quantized, if weights that oscillate are to be reset.
  oscillation_reset::quantize_back quantized = nullptr;
};

struct training_options {
  std::uint64_t seed = 1;
  std::uint64_t steps = 500;
  extent sequences = 8;
  extent length = 128;
  double learning_rate = 3e-3;
  adamw_options optimizer = {};
  extent validation_batches = 32;

  /// A twentieth of the run to warm up, the last three tenths to decay.
  schedule rates() const { return {learning_rate, steps, (steps + 19) / 20, steps * 3 / 10}; }
};

class trainer {
 public:
  /// errors  std::invalid_argument for sizes that do not fit, or a text too short for a sequence.
  trainer(recipe const& use, model_config const& config, training_options const& options,
          text const& lines, parallel_for const& parallel)
      : name_{use.name},
        products_{use.products},
        statistics_{use.statistics},
        options_{options},
        text_{lines},
        parallel_{parallel},
        model_{config, options.seed, noting(use.projections, projected_)},
        optimizer_{options.optimizer, model_.trained()} {
    if (use.quantized) hook_.emplace(use.quantized, projected_);
    lines.require_length(options.length);
    if (options.sequences < 1 || options.length < 1 || options.sequences * options.length % 16) {
      throw std::invalid_argument("a step needs a multiple of 16 tokens");
    }
  }

  model<float> const& trained_model() const { return model_; }
  std::string const& name() const { return name_; }
  training_options const& options() const { return options_; }
  std::vector<double> const& losses() const { return losses_; }  ///< one for each step done
  operand_statistics const& statistics() const { return *statistics_; }
  std::int64_t resets() const { return resets_; }  ///< of oscillating weights, in this call
  bool done() const { return losses_.size() >= options_.steps; }

  /// Trains on the next batch; returns its loss before the update.
  double step() {
    std::uint64_t const number = losses_.size();
    token_batch const batch =
        text_.training_batch(options_.seed, number, options_.sequences, options_.length);
    model_.trained().clear_gradients();
    double const loss = model_.loss_and_gradient(batch, context(number, true));
    optimizer_.update(model_.trained(), options_.rates().rate(number), number, parallel_);
    if (hook_) resets_ += hook_->after_update(number);
    losses_.push_back(loss);
    return loss;
  }

  /// The mean loss over the held-out text, in nats a byte.
  double validation_loss() {
    double sum = 0;
    for (extent i = 0; i < options_.validation_batches; ++i) {
      token_batch const batch = text_.validation_batch(i, options_.validation_batches,
                                                       options_.sequences, options_.length);
      sum += model_.loss(batch, context(losses_.size(), false));
    }
    return sum / static_cast<double>(options_.validation_batches);
  }

  std::string sample(sample_options const& how = {}) {
    return train_lm::sample(model_, how, parallel_);
  }

  tensor_file checkpoint() { return make_checkpoint(state(), identity()); }

  /// errors  safetensors_error if the checkpoint belongs to another run; nothing is changed then.
  void restore(tensor_file const& file) { restore_checkpoint(file, state(), identity()); }

  /// What must be the same for a checkpoint to continue this run.
  run_identity identity() const {
    model_config const& config = model_.config();
    auto const list = [](auto... numbers) {
      std::string text;
      ((text.append(text.empty() ? 0 : 1, ' ').append(std::to_string(numbers))), ...);
      return text;
    };
    return {{"format", "nibble train_lm 2"},
            {"recipe", name_},
            {"products", products_},
            {"pattern", config.pattern},
            {"sizes", list(config.width, config.hidden, config.scan.inner, config.scan.heads,
                           config.scan.groups, config.scan.state, config.heads.queries,
                           config.heads.keys, config.heads.head)},
            {"seed", list(options_.seed)},
            {"steps", list(options_.steps)},
            {"batch", list(options_.sequences, options_.length)},
            {"learning_rate", exact(options_.learning_rate)},
            {"text", list(text_.training().size(), fnv1a(text_.training()))}};
  }

 private:
  /// The shortest decimal that reads back as the same number.
  static std::string exact(double value) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
  }

  step_context context(std::uint64_t number, bool training) const {
    return {options_.seed, number, options_.length, training, parallel_, options_.steps};
  }
  run_state state() {
    return {model_.trained(), optimizer_,     losses_,
            *statistics_,     options_.steps, hook_ ? hook_->state() : decltype(hook_->state()){}};
  }

  /// The same factory, which notes the weights that it makes projections for.
  static projection_factory<float> noting(projection_factory<float> make,
                                          std::vector<parameter<float>*>& weights) {
    return [make = std::move(make), &weights](projection_place const& place,
                                              parameter<float>& weight) {
      weights.push_back(&weight);
      return make(place, weight);
    };
  }

  std::string name_, products_;
  std::shared_ptr<operand_statistics> statistics_;
  training_options options_;
  text const& text_;
  parallel_for const& parallel_;
  std::vector<parameter<float>*> projected_;
  model<float> model_;
  adamw<float> optimizer_;
  std::vector<double> losses_;
  std::optional<oscillation_reset> hook_;
  std::int64_t resets_ = 0;
};

/// What a run may tell and be told while it goes.
struct run_hooks {
  /// After each step: the trainer, how many steps this call has done, and the seconds they took.
  std::function<void(trainer const&, std::uint64_t, double)> after_step;
  /// Asked before each step; true stops the run.
  std::function<bool()> should_stop;
};

/// Trains to the end or until it should stop; returns whether the end was reached.
inline bool run(trainer& training, run_hooks const& hooks) {
  auto const start = std::chrono::steady_clock::now();
  for (std::uint64_t taken = 1; !training.done(); ++taken) {
    if (hooks.should_stop && hooks.should_stop()) {
      return false;
    }
    training.step();
    std::chrono::duration<double> const elapsed = std::chrono::steady_clock::now() - start;
    if (hooks.after_step) {
      hooks.after_step(training, taken, elapsed.count());
    }
  }
  return true;
}

}  // namespace train_lm
