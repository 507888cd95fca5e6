// SPDX-License-Identifier: Apache-2.0
// An outer scale for every 1x128 elements, as TetraJet-v2 has it.
#pragma once

#include "nibble/tensor_scale/current.hpp"

namespace nibble::tensor_scale {

/// The arithmetic of current; a matrix then carries one amax for every 128 columns of a row.
///
/// errors  as current, amax by amax. nibble::matmul takes such matrices in product::ordered only.
/// bits    identical everywhere.
template <int Bound = 448>
struct per_block_128 : current<Bound> {
  static constexpr granularity shares = granularity::block_128;
};

}  // namespace nibble::tensor_scale
