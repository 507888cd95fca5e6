// SPDX-License-Identifier: Apache-2.0
// The text to learn: which bytes are trained on, which are held out, and which a step sees.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "train_lm/counter_random.hpp"
#include "train_lm/model.hpp"

namespace train_lm {

/// A text in two parts. It is cut into 20 equal stretches and the last twentieth of each is held
/// out, so that both parts come from everywhere: the end of a book is often unlike its beginning.
class text {
 public:
  explicit text(std::string_view bytes) {
    std::size_t const stretch = bytes.size() / stretches;
    for (std::size_t i = 0; i < stretches; ++i) {
      std::size_t const begin = i * stretch;
      std::size_t const end = i + 1 == stretches ? bytes.size() : begin + stretch;
      std::size_t const cut = end - (end - begin) / stretches;
      training_ += bytes.substr(begin, cut - begin);
      validation_ += bytes.substr(cut, end - cut);
    }
  }

  std::string_view training() const { return training_; }
  std::string_view validation() const { return validation_; }

  /// errors  std::invalid_argument if either part is too short for a sequence and the byte after
  /// it.
  void require_length(extent length) const {
    if (validation_.size() <= static_cast<std::size_t>(length)) {
      throw std::invalid_argument("the text is too short: " + std::to_string(training_.size()) +
                                  " bytes to train on and " + std::to_string(validation_.size()) +
                                  " to validate on; each needs more than " +
                                  std::to_string(length));
    }
  }

  /// The sequences of a training step, drawn by (seed, step) alone: a resumed run sees the same.
  token_batch training_batch(std::uint64_t seed, std::uint64_t step, extent sequences,
                             extent length) const {
    std::uint64_t const starts = training_.size() - static_cast<std::size_t>(length);
    token_batch batch{length, {}, {}};
    for (extent i = 0; i < sequences; ++i) {
      std::uint64_t const bits = random_bits(seed, step, static_cast<std::uint64_t>(i));
      append(batch, training_, static_cast<std::size_t>(bits % starts));
    }
    return batch;
  }

  /// The i-th of `batches` validation batches: windows at even distances over the held-out part.
  token_batch validation_batch(extent i, extent batches, extent sequences, extent length) const {
    std::size_t const starts = validation_.size() - static_cast<std::size_t>(length);
    auto const windows = static_cast<std::size_t>(batches * sequences);
    token_batch batch{length, {}, {}};
    for (extent s = 0; s < sequences; ++s) {
      auto const window = static_cast<std::size_t>(i * sequences + s);
      append(batch, validation_, window * starts / windows);
    }
    return batch;
  }

 private:
  static constexpr std::size_t stretches = 20;

  static void append(token_batch& batch, std::string const& from, std::size_t start) {
    auto const begin = from.begin() + static_cast<std::ptrdiff_t>(start);
    batch.inputs.insert(batch.inputs.end(), begin, begin + batch.length);
    batch.targets.insert(batch.targets.end(), begin + 1, begin + 1 + batch.length);
  }

  std::string training_, validation_;
};

}  // namespace train_lm
