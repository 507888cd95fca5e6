// SPDX-License-Identifier: Apache-2.0
// The best scale there is, by trying them all: what the format can do, not what a kernel would.
#pragma once

#include "nibble/scaling/error_metric.hpp"
#include "nibble/scaling/policy.hpp"
#include "nibble/tensor_scale/current.hpp"

namespace nibble::scaling {

/// Tries every finite scale and keeps the one with the smallest error: the format's limit.
///
/// rule    errors by Metric, see tile_error; the smallest scale wins a tie.
/// errors  if every error is NaN, the scale is 0.
/// bits    identical everywhere.
template <class Metric = squared_error, tile Shape = tile::row,
          class Outer = tensor_scale::current<>>
struct exhaustive {
  static constexpr tile shape = Shape;
  using outer = Outer;

  template <class Block, std::size_t Rows>
  [[nodiscard]] NIBBLE_HD static constexpr chosen<typename Block::scale_type> choose(
      float const (&values)[Rows][std::size_t{Block::size}],
      tensor_scale::factors const& f) noexcept {
    using Element = typename Block::element_type;
    using Scale = typename Block::scale_type;
    static_assert(Outer::bound > 0, "got no tensor scale; exhaustive needs tensor_scale::current");
    constexpr float range = Outer::template range<Element>;

    chosen<Scale> best{Scale::from_bits(0), encode_multiplier(0.0f, f)};
    float smallest = tile_error<Metric, Element>(values, 0.0f, best.encode, f.amax, range);
    for (std::uint32_t code = 1; code <= Scale::format.max_code(); ++code) {
      auto const scale = Scale::from_bits(code);
      float const encode = encode_multiplier(static_cast<float>(scale), f);
      float const error =
          tile_error<Metric, Element>(values, static_cast<float>(scale), encode, f.amax, range);
      if (arch::less(error, smallest) ||
          (arch::constant::is_nan(smallest) && !arch::constant::is_nan(error))) {
        smallest = error;
        best = {scale, encode};
      }
    }
    return best;
  }
};

}  // namespace nibble::scaling
