// SPDX-License-Identifier: Apache-2.0
// No correction after rounding.
#pragma once

#include "nibble/correction/policy.hpp"

namespace nibble::correction {

/// Leaves the blocks as rounding made them.
struct none {
  static constexpr int columns = 1;

  template <std::size_t Rows, std::size_t Columns, class Group>
  NIBBLE_HD static constexpr void apply(float const (&)[Rows][Columns],
                                        tensor_scale::factors const&, position, Group&) noexcept {}
};

}  // namespace nibble::correction
