// SPDX-License-Identifier: Apache-2.0
// One matrix type for the whole example. Eigen multiplies and stores; it never starts threads of
// its own, because how it would split a product depends on how many threads there are.
#pragma once

#ifndef EIGEN_DONT_PARALLELIZE
#define EIGEN_DONT_PARALLELIZE
#endif
#include <Eigen/Core>

namespace train_lm {

using extent = Eigen::Index;

/// A dense row-major matrix; activations hold one token a row, weights one output feature a row.
template <class Real>
using matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace train_lm
