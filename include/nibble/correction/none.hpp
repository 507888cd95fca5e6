// SPDX-License-Identifier: Apache-2.0
// No correction after rounding.
#pragma once

#include "nibble/detail/std.hpp"

namespace nibble::correction {

/// Leaves the blocks as rounding made them.
struct none {
  static constexpr int columns = 1;  // how many elements of a row it must see at once

  template <std::size_t Rows, std::size_t Columns, class Group>
  NIBBLE_HD static constexpr void apply(float const (&)[Rows][Columns], Group&) noexcept {}
};

}  // namespace nibble::correction
