// SPDX-License-Identifier: Apache-2.0
// Sums over tokens that threads share: each fixed piece of the tokens has its own row of sums, and
// the rows are added in order at the end. The pieces do not depend on the thread count, so nor does
// the sum.
#pragma once

#include "train_lm/matrix.hpp"

namespace train_lm {

/// A row of sums for every piece of work.
template <class Real>
class partial_sums {
 public:
  void reset(extent pieces, extent width) { rows_ = matrix<Real>::Zero(pieces, width); }

  Real* row(extent piece) { return rows_.row(piece).data(); }

  /// Adds columns [first, first + target.size()) of all pieces to target, piece 0 first.
  void add_to(matrix<Real>& target, extent first = 0) const {
    for (extent piece = 0; piece < rows_.rows(); ++piece) {
      Real const* const from = rows_.row(piece).data() + first;
      Real* const to = target.data();
      for (extent i = 0; i < target.size(); ++i) to[i] += from[i];
    }
  }

 private:
  matrix<Real> rows_;
};

}  // namespace train_lm
