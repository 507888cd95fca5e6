// SPDX-License-Identifier: Apache-2.0
// A tensor scale of its own for every row: activations scaled per token.
#pragma once

#include "nibble/tensor_scale/current.hpp"

namespace nibble::tensor_scale {

/// The arithmetic of current; a matrix then carries one amax a row.
///
/// errors  as current, row by row.
/// bits    identical everywhere.
template <int Bound = 448>
struct per_row : current<Bound> {
  static constexpr granularity shares = granularity::row;
};

}  // namespace nibble::tensor_scale
