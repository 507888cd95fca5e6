// SPDX-License-Identifier: Apache-2.0
// What a transform policy is.
#pragma once

#include "nibble/detail/std.hpp"

namespace nibble::transform {

/// A linear map of consecutive elements of a row, undone by its inverse and cancelling in a product
/// whose two operands it was applied to along the summed dimension.
///
/// 1. T::size is the number of elements it mixes, 1 for none (checked).
/// 2. t.apply(values) and t.invert(values) work in place on a row of T::size floats (checked).
/// 3. invert undoes apply up to rounding; on small integers that is none, where the square root of
///    the size is a power of two (tested: tests/support/transform_laws.hpp).
template <class T>
concept policy = requires(T const& t, float (&values)[std::size_t{T::size}]) {
  { T::size } -> std::convertible_to<int>;
  { t.apply(values) }
  noexcept->std::same_as<void>;
  { t.invert(values) }
  noexcept->std::same_as<void>;
};

}  // namespace nibble::transform
