// SPDX-License-Identifier: Apache-2.0
// The loss: how surprised the model is by the next byte, in nats.
#pragma once

#include <cstdint>
#include <vector>

#include "train_lm/product.hpp"
#include "train_lm/vector_math.hpp"

namespace train_lm {

/// The mean over tokens of -ln softmax(logits)[target]; on return, logits hold its gradient in
/// them. shape   logits [tokens, symbols]; a target for each token
template <class Real>
double cross_entropy(matrix<Real>& logits, std::vector<std::uint8_t> const& targets,
                     parallel_for const& parallel) {
  std::vector<double> losses(targets.size());
  extent const symbols = logits.cols();
  Real const share = 1 / static_cast<Real>(logits.rows());
  for_row_pieces(logits.rows(), parallel, [&](extent first, extent count) {
    for (extent row = first; row < first + count; ++row) {
      auto const target = targets[static_cast<std::size_t>(row)];
      Real* const logit = logits.row(row).data();
      Real const highest = largest(logit, symbols);
      Real const at_target = logit[target];
      for (extent i = 0; i < symbols; ++i) logit[i] = exponential(logit[i] - highest);
      Real const total = sum(logit, symbols);
      losses[static_cast<std::size_t>(row)] =
          std::log(static_cast<double>(total)) - static_cast<double>(at_target - highest);
      for (extent i = 0; i < symbols; ++i) logit[i] *= share / total;
      logit[target] -= share;
    }
  });
  double loss = 0;
  for (double const each : losses) loss += each;
  return loss / static_cast<double>(losses.size());
}

}  // namespace train_lm
