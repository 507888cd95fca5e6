// SPDX-License-Identifier: Apache-2.0
// Four Over Six: encode each tile twice, with its amax at 6 and at 4, and keep the better one.
#pragma once

#include "nibble/arch/lanes/e4m3.hpp"
#include "nibble/scaling/error_metric.hpp"
#include "nibble/scaling/policy.hpp"
#include "nibble/tensor_scale/current.hpp"

namespace nibble::scaling {

/// Chooses between the scale that maps the tile's amax to 6 and the one that maps it to 4, where
/// the gap between 4 and 6 would cost more than the coarser grid.
///
/// rule    base = (b / 6) * S_enc; candidates e4m3(min(base, 448)) and e4m3(min(base * 1.5, 448));
///         the error of each by Metric, see tile_error; 4 wins only if its error is smaller. The
///         bound of 256 leaves room for the factor 1.5.
/// errors  as amax; a NaN error keeps 6. Used with stochastic rounding it is biased.
/// bits    identical everywhere; TransformerEngine's, finite data.
/// source  Four Over Six, arXiv 2512.02010; TransformerEngine for the order of the operations.
template <class Metric = squared_error, tile Shape = tile::row,
          class Outer = tensor_scale::current<256>>
struct four_over_six {
  static constexpr tile shape = Shape;
  using outer = Outer;

  template <class Block, std::size_t Rows>
  [[nodiscard]] NIBBLE_HD static constexpr chosen<typename Block::scale_type> choose(
      float const (&values)[Rows][std::size_t{Block::size}],
      tensor_scale::factors const& f) noexcept {
    using Element = typename Block::element_type;
    using Scale = typename Block::scale_type;
    static_assert(std::is_same_v<Element, fp4_e2m1>,
                  "got an element other than fp4_e2m1; the choice of 4 or 6 is about its grid");
    static_assert(Outer::bound > 0,
                  "got no tensor scale; four_over_six needs tensor_scale::current");
    constexpr float limit = 448.0f;  // of e4m3; the clamp stays there whatever the bound
    constexpr float range = Outer::template range<Element>;

    float const base = arch::multiply(arch::divide(tile_amax(values), 6.0f), f.encode);
    auto const six = Scale(arch::minimum(base, limit));
    auto const four = Scale(arch::minimum(arch::multiply(base, 1.5f), limit));
    chosen<Scale> const to_six{six, encode_multiplier(static_cast<float>(six), f)};
    chosen<Scale> const to_four{four, encode_multiplier(static_cast<float>(four), f)};
    float const scales[2]{static_cast<float>(six), static_cast<float>(four)};
    float const encodes[2]{to_six.encode, to_four.encode};
    float errors[2]{};
    tile_errors<Metric, Element>(values, scales, encodes, f.amax, range, errors);
    // By a mask: which one wins is a coin toss, and a mispredicted branch would wait for both sums.
    std::uint32_t const mask = 0u - static_cast<std::uint32_t>(arch::less(errors[1], errors[0]));
    auto const pick = [mask](std::uint32_t a, std::uint32_t b) { return b ^ ((a ^ b) & mask); };
    return {Scale::from_bits(pick(four.bits(), six.bits())),
            detail::float_from_bits(
                pick(detail::float_bits(to_four.encode), detail::float_bits(to_six.encode)))};
  }

#if NIBBLE_HAS_LANES
  /// Chooses for several tiles; see scaling::chooses_each.
  ///
  /// rule    one tile a lane: the sums of a tile, which have an order, are a chain of 16 additions,
  ///         and lanes make it 16 chains for the time of one.
  template <class Block, std::size_t Tiles>
  static void choose_each(float const (&values)[Tiles][std::size_t{Block::size}],
                          tensor_scale::factors const& f,
                          chosen<typename Block::scale_type> (&scales)[Tiles]) noexcept
      requires(Shape == tile::row && adds_lanes<Metric> &&
               std::is_same_v<typename Block::element_type, fp4_e2m1> &&
               std::is_same_v<typename Block::scale_type, fp8_e4m3> &&
               Block::size % lanes::count == 0 && Tiles % lanes::count == 0) {
    using lanes::floats, lanes::integers;
    constexpr std::size_t count{lanes::count};
    constexpr float range = Outer::template range<fp4_e2m1>;
    for (std::size_t first = 0; first < Tiles; first += count) {
      floats magnitudes[std::size_t{Block::size}];
      lanes::transpose_magnitudes(values + first, magnitudes);
      integers largest{};
      for (floats const& each : magnitudes) {
        auto const bits = (integers)each;
        largest = lanes::larger(largest, bits & ~(bits > lanes::infinity));
      }
      floats const base =
          lanes::multiply(lanes::divide((floats)largest, floats{} + 6.0f), floats{} + f.encode);
      auto const six = lanes::round_to_e4m3(base),
                 four = lanes::round_to_e4m3(lanes::multiply(base, floats{} + 1.5f));
      floats const encodes[2]{encode_multipliers(six.values, f),
                              encode_multipliers(four.values, f)};
      floats const steps[2]{six.values, four.values};
      floats errors[2];
      lanes::e2m1_errors<Metric>(magnitudes, steps, encodes, f.amax, range, errors);
      integers const is_four = errors[1] < errors[0];
      integers const codes = is_four ? four.codes : six.codes;
      floats const encode = is_four ? encodes[1] : encodes[0];
      for (std::size_t lane = 0; lane < count; ++lane) {
        scales[first + lane] = {fp8_e4m3::from_bits(static_cast<std::uint8_t>(codes[lane])),
                                encode[lane]};
      }
    }
  }
#endif
};

}  // namespace nibble::scaling
