// SPDX-License-Identifier: Apache-2.0
// The scale of a block that may be read by one of two tables, and the better of the two.
#pragma once

#include "nibble/adaptive_block.hpp"
#include "nibble/rounding/nearest_even.hpp"
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
    constexpr float sixth = arch::divide(1.0f, 6.0f);
    fp8_e4m3 const scale(arch::minimum(
        arch::multiply(tile_amax(values), arch::multiply(f.encode, sixth)), detail::largest_float));
    float const encode = encode_multiplier(static_cast<float>(scale), f);
    float const multiplier =
        Outer{}.template decode<typename Block::element_type>(static_cast<float>(scale), f);
    float const first = error_under<Block>(values, encode, multiplier, 0);
    float const second = error_under<Block>(values, encode, multiplier, 1);
    return {{scale, arch::less(second, first) ? 1 : 0}, encode};
  }

 private:
  template <class Block, std::size_t Rows, std::size_t Columns>
  [[nodiscard]] NIBBLE_HD static constexpr float error_under(float const (&values)[Rows][Columns],
                                                             float encode, float multiplier,
                                                             int tag) noexcept {
    float sums[Rows]{};
    for (std::size_t r = 0; r < Rows; ++r) {
      float scaled[Columns]{};
      for (std::size_t c = 0; c < Columns; ++c) scaled[c] = arch::multiply(values[r][c], encode);
      auto const codes = Block::table::encode(rounding::nearest_even{}, scaled, tag, 0);
      for (std::size_t c = 0; c < Columns; ++c) {
        float const value = Block::table::value(codes[static_cast<int>(c)].bits(), tag);
        float const decoded = arch::multiply(value, multiplier);
        sums[r] = Metric::add(sums[r], arch::subtract(decoded, values[r][c]));
      }
    }
    for (std::size_t half = Rows / 2; half > 0; half /= 2) {
      for (std::size_t r = 0; r < half; ++r) sums[r] = Metric::merge(sums[r], sums[r + half]);
    }
    return sums[0];
  }
};

}  // namespace nibble::scaling
