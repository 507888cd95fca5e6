// SPDX-License-Identifier: Apache-2.0
// Lets a trained model write: the loss is one number, a page of its text shows what it has learned.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "train_lm/counter_random.hpp"
#include "train_lm/model.hpp"

namespace train_lm {

struct sample_options {
  std::string prompt = "In the beginning ";
  extent bytes = 400;        ///< how many to write after the prompt
  double temperature = 0.8;  ///< below 1: likelier bytes more often than the model says
  extent window = 128;       ///< how much of the past the model sees, as in training
  std::uint64_t seed = 1;
};

/// A byte drawn from softmax(logits / temperature), by a uniform number in [0, 1).
template <class Real>
std::uint8_t draw_byte(Real const* logits, double temperature, double unit) {
  std::vector<double> chance(static_cast<std::size_t>(symbols));
  double const highest = static_cast<double>(largest(logits, symbols));
  double total = 0;
  for (std::size_t i = 0; i < chance.size(); ++i) {
    chance[i] = std::exp((static_cast<double>(logits[i]) - highest) / temperature);
    total += chance[i];
  }
  double left = unit * total;
  for (std::size_t i = 0; i + 1 < chance.size(); ++i) {
    left -= chance[i];
    if (left < 0) return static_cast<std::uint8_t>(i);
  }
  return static_cast<std::uint8_t>(symbols - 1);
}

/// The prompt and what the model writes after it. Each byte runs the model over the whole window
/// again: slower than keeping state between bytes, but there is no second forward pass to get
/// wrong.
template <class Real>
std::string sample(model<Real>& from, sample_options const& options, parallel_for const& parallel) {
  std::string written = options.prompt.empty() ? "\n" : options.prompt;
  for (extent i = 0; i < options.bytes; ++i) {
    auto const past = std::min(static_cast<extent>(written.size()), options.window);
    std::vector<std::uint8_t> inputs(written.end() - past, written.end());
    // Quantized products want tokens in blocks of 16; what comes later cannot change what came
    // before.
    inputs.resize((inputs.size() + 15) / 16 * 16, ' ');
    step_context const context{options.seed, static_cast<std::uint64_t>(i),
                               static_cast<extent>(inputs.size()), false, parallel};
    Real const* const logits = from.logits(inputs, context).row(past - 1).data();
    double const unit = random_unit(options.seed, 0, static_cast<std::uint64_t>(i));
    written += static_cast<char>(draw_byte(logits, options.temperature, unit));
  }
  return written;
}

}  // namespace train_lm
