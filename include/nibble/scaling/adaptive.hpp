// SPDX-License-Identifier: Apache-2.0
// The scale of a block that may be read by one of two tables, and the better of the two.
#pragma once

#include "nibble/adaptive_block.hpp"
#include "nibble/rounding/nearest_even.hpp"
#include "nibble/scaling/amax.hpp"
#include "nibble/scaling/error_metric.hpp"
#include "nibble/scaling/policy.hpp"
#include "nibble/tensor_scale/current.hpp"

namespace nibble::scaling {

/// Scales a tile by its amax, then encodes it by either table and keeps the one with the smaller
/// error.
///
/// rule    the scale as scaling::amax for a largest element of 6, which both tables reach. Errors by
///         Metric on nearest codes, value * multiplier - x, in order along a row, rows by a tree as
///         tile_errors; tag 1 only if its error is smaller.
/// errors  as scaling::amax; a NaN error keeps tag 0.
/// bits    identical everywhere.
/// source  IF4, arXiv 2603.28765; RaZeR, arXiv 2501.04052.
template <class Metric = squared_error, tile Shape = tile::row,
          class Outer = tensor_scale::current<>>
struct adaptive {
  static constexpr tile shape = Shape;
  using outer = Outer;

  template <class Block, std::size_t Rows>
  [[nodiscard]] NIBBLE_HD static constexpr chosen<typename Block::scale_type> choose(
      float const (&values)[Rows][std::size_t{Block::size}],
      tensor_scale::factors const& f) noexcept {
    static_assert(is_adaptive<Block>,
                  "got a block with one table; adaptive chooses between two, use scaling::amax");
    // Both tables reach 6, the largest e2m1.
    auto const [scale, encode] =
        amax<Shape, Outer>::template choose_for<nvfp4_block>(tile_amax(values), f);
    float const multiplier =
        Outer{}.template decode<typename Block::element_type>(static_cast<float>(scale), f);
    float sums[Rows][2]{};  // by either table
    for (std::size_t r = 0; r < Rows; ++r) {
      sums[r][0] = error_of_row<Block>(values[r], encode, multiplier, 0);
      sums[r][1] = error_of_row<Block>(values[r], encode, multiplier, 1);
    }
    float errors[2]{};
    merge_rows<Metric>(sums, errors);
    return {{scale, arch::less(errors[1], errors[0]) ? 1 : 0}, encode};
  }

 private:
  template <class Block, std::size_t Columns>
  [[nodiscard]] NIBBLE_HD static constexpr float error_of_row(float const (&values)[Columns],
                                                              float encode, float multiplier,
                                                              int tag) noexcept {
    float scaled[Columns]{};
    for (std::size_t c = 0; c < Columns; ++c) scaled[c] = arch::multiply(values[c], encode);
    auto const codes = Block::table::encode(rounding::nearest_even{}, scaled, tag, 0);
    float sum = 0;
    for (std::size_t c = 0; c < Columns; ++c) {
      float const value = Block::table::value(codes[static_cast<int>(c)].bits(), tag);
      float const decoded = arch::multiply(value, multiplier);
      sum = Metric::add(sum, arch::subtract(decoded, values[c]));
    }
    return sum;
  }
};

}  // namespace nibble::scaling
