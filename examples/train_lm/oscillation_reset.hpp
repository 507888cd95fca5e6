// SPDX-License-Identifier: Apache-2.0
// An optimizer's hook: weights that jump to and fro between two quantized values while they hardly move
// are put in the middle of their bin, so that they stay there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "train_lm/parameters.hpp"

namespace train_lm {

/// When to look and what counts as oscillation, as TetraJet-v2 (arXiv 2510.27527) has it.
struct oscillation_options {
  std::uint64_t period = 200;  ///< steps from one reset to the next
  std::uint64_t window = 50;   ///< of which the last so many are watched
  float ratio = 8;             ///< travel of the quantized value over travel of the weight
};

/// rule    In a window the ways of each weight and of its quantized value are added up, step by step. At
///         its end a weight whose quantized value travelled ratio times as far as itself becomes its
///         quantized value.
/// errors  a weight that is NaN, or was in the window, is left as it is.
class oscillation_reset {
 public:
  using quantize_back = std::function<matrix<float>(matrix<float> const&)>;

  oscillation_reset(quantize_back quantized, std::vector<parameter<float>*> watched,
                    oscillation_options const& options = {})
      : options_{options}, quantized_{std::move(quantized)} {
    for (parameter<float>* const each : watched) {
      matrix<float> const zero = matrix<float>::Zero(each->value.rows(), each->value.cols());
      watched_.push_back({each, zero, zero, zero, zero});
    }
  }

  /// To be called after the optimizer's update of a step; returns how many weights it has reset.
  std::int64_t after_update(std::uint64_t step) {
    std::uint64_t const at = step % options_.period, first = options_.period - options_.window;
    if (at + 1 < first) return 0;
    std::int64_t count = 0;
    for (travel& each : watched_) {
      matrix<float> const now = quantized_(each.weight->value);
      if (at + 1 == first) {  // where the window's first step starts from
        each.way.setZero();
        each.quantized_way.setZero();
      } else {
        each.way += (each.weight->value - each.before).cwiseAbs();
        each.quantized_way += (now - each.quantized_before).cwiseAbs();
      }
      if (at + 1 == options_.period) count += reset(each, now);
      each.before = each.weight->value;
      each.quantized_before = now;
    }
    return count;
  }

  /// What a checkpoint must hold, by name.
  std::vector<std::pair<std::string, matrix<float>*>> state() {
    std::vector<std::pair<std::string, matrix<float>*>> all;
    for (travel& each : watched_) {
      std::string const& name = each.weight->name;
      all.emplace_back(name + ".before", &each.before);
      all.emplace_back(name + ".quantized_before", &each.quantized_before);
      all.emplace_back(name + ".way", &each.way);
      all.emplace_back(name + ".quantized_way", &each.quantized_way);
    }
    return all;
  }

 private:
  struct travel {
    parameter<float>* weight;
    matrix<float> before, quantized_before, way, quantized_way;
  };

  std::int64_t reset(travel& each, matrix<float> const& now) const {
    std::int64_t count = 0;
    for (extent i = 0; i < now.size(); ++i) {
      float const way = each.way.data()[i], quantized_way = each.quantized_way.data()[i];
      if (!(quantized_way > 0 && quantized_way >= options_.ratio * way)) continue;
      each.weight->value.data()[i] = now.data()[i];
      ++count;
    }
    return count;
  }

  oscillation_options options_;
  quantize_back quantized_;
  std::vector<travel> watched_;
};

}  // namespace train_lm
