// SPDX-License-Identifier: Apache-2.0
// What a correction policy is.
#pragma once

#include "nibble/block.hpp"
#include "nibble/group.hpp"
#include "nibble/tensor_scale/policy.hpp"

namespace nibble::correction {

/// A rule that changes the blocks of a group after they were rounded, knowing what they were made
/// from.
///
/// 1. C::columns is how many elements of a row it must see at once, 1 if it does not care; the
///    quantizer's group becomes that wide (checked).
/// 2. c.apply(values, factors, where, group) works in place on a block_group; values are those that
///    were scaled and rounded, after the transform; where is the group's position (checked).
/// 3. It depends on nothing but its arguments, and leaves a group of zeros one that decodes to
///    zeros (tested: tests/correction).
template <class C, class Block>
concept policy = requires(C const& c, float const (&values)[1][std::size_t{Block::size}],
                          tensor_scale::factors f, position where, block_group<Block, 1, 1> group) {
  { C::columns } -> std::convertible_to<int>;
  { c.apply(values, f, where, group) }
  noexcept->std::same_as<void>;
};

}  // namespace nibble::correction
