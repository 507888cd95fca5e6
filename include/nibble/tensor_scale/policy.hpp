// SPDX-License-Identifier: Apache-2.0
// What a tensor scale is: the outer of the two scales, derived from an amax by everyone who needs
// it.
#pragma once

#include "nibble/fp4_e2m1.hpp"
#include "nibble/tensor_amax.hpp"

namespace nibble::tensor_scale {

/// How much of a matrix shares one amax.
enum class granularity { none, tensor, row, block_128 };

/// True where rows have amaxes of their own, false where one amax serves the matrix.
[[nodiscard]] NIBBLE_HD constexpr bool is_per_row(granularity shares) noexcept {
  return shares == granularity::row || shares == granularity::block_128;
}

/// What follows from one amax, computed once and used for every block under it.
struct factors {
  float amax;    // as given
  float encode;  // S_enc: multiplies values before they meet the block scale
  float decode;  // S_dec = 1 / S_enc
};

/// A rule that turns an amax into factors, and a block scale into what multiplies codes.
///
/// 1. T::shares says how much of a matrix one amax covers; T::bound is the block scale that the
///    block holding the amax gets, 0 where there is no tensor scale (checked).
/// 2. t.from<Element>(amax) returns the factors; t.decode<Element>(scale, factors) the multiplier
/// of
///    a code (checked).
/// 3. Both are total: they return, without trapping, for every float (tested).
template <class T>
concept policy = requires(T const& t, tensor_amax amax, factors f, float scale) {
  { T::shares } -> std::convertible_to<granularity>;
  { T::bound } -> std::convertible_to<int>;
  { t.template from<fp4_e2m1>(amax) }
  noexcept->std::same_as<factors>;
  { t.template decode<fp4_e2m1>(scale, f) }
  noexcept->std::same_as<float>;
};

}  // namespace nibble::tensor_scale
