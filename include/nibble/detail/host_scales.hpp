// SPDX-License-Identifier: Apache-2.0
// The scales of many blocks chosen ahead of their codes, for policies that are faster that way.
#pragma once

#include "nibble/detail/host_panel.hpp"
#include "nibble/quantizer.hpp"

namespace nibble::detail {

/// Are the scales of many blocks chosen at once?
template <class Quantizer>
concept chooses_ahead = Quantizer::is_one_block && Quantizer::has_one_amax &&
    scaling::chooses_each<typename Quantizer::scaling_type, typename Quantizer::block_type>;

/// The scales of all blocks of rows [first, last) of a panel, in order.
template <class Quantizer>
[[nodiscard]] auto scales_of(panel const& values, matrix_index first, matrix_index last,
                             Quantizer const& q, tensor_scale::factors const& factors) {
  using block = typename Quantizer::block_type;
  using scale = scaling::chosen<typename block::scale_type>;
  constexpr std::size_t size = block::size, many = scaling::tiles_at_once;
  auto const* const tiles = reinterpret_cast<float const(*)[size]>(values.row(first));
  std::vector<scale> scales(static_cast<std::size_t>((last - first) * values.columns()) / size);
  std::size_t i = 0;
  for (; i + many <= scales.size(); i += many) {
    q.scaling.template choose_each<block>(*reinterpret_cast<float const(*)[many][size]>(tiles + i),
                                          factors,
                                          *reinterpret_cast<scale(*)[many]>(scales.data() + i));
  }
  for (; i < scales.size(); ++i) {
    scales[i] = q.scaling.template choose<block>(
        *reinterpret_cast<float const(*)[1][size]>(tiles + i), factors);
  }
  return scales;
}

/// A scale that is known already, as a scaling policy.
template <class Scaling, class Scale>
struct known_scale {
  static constexpr scaling::tile shape = Scaling::shape;
  using outer = typename Scaling::outer;
  scaling::chosen<Scale> scale;

  template <class Block, std::size_t Rows>
  [[nodiscard]] constexpr scaling::chosen<Scale> choose(
      float const (&)[Rows][std::size_t{Block::size}],
      tensor_scale::factors const&) const noexcept {
    return scale;
  }
};

/// The same quantizer with a known scale.
template <class Quantizer, class Scale>
[[nodiscard]] auto with_scale(Quantizer const& q, scaling::chosen<Scale> const& scale) {
  using known = known_scale<typename Quantizer::scaling_type, Scale>;
  return quantizer<typename Quantizer::block_type, known, typename Quantizer::rounding_type,
                   typename Quantizer::transform_type, decltype(q.correction)>{
      known{scale}, q.rounding, q.transform, q.correction};
}

}  // namespace nibble::detail
