// SPDX-License-Identifier: Apache-2.0
// The composition of policies: floats in, blocks out. Everything else is naming, storage and loops.
#pragma once

#include "nibble/adaptive_block.hpp"
#include "nibble/correction/none.hpp"
#include "nibble/group.hpp"
#include "nibble/rounding/nearest_even.hpp"
#include "nibble/scaling/amax.hpp"
#include "nibble/transform/identity.hpp"

namespace nibble {

/// Quantizes groups of values to blocks. The default is NVFP4 as TransformerEngine computes it.
///
/// shape   group: the smallest piece it works on, 1x16 for NVFP4, 16x16 for square tiles, 1x128 for
///         a transform of 128. A call takes a group of floats (an mdspan or anything with in(i, j),
///         or an array of its size) and returns its blocks: one Block, or a block_group of several.
/// rule    transform each row; choose a scale for each tile; multiply by its encode factor (divide,
///         for a scaling that divides); round; correct.
/// errors  total: see the policies for NaN, infinity and zero.
/// bits    identical in constant evaluation, on the host and on the device; position matters to
///         stochastic policies only.
template <class Block = nvfp4_block, class Scaling = scaling::amax<>,
          class Rounding = rounding::nearest_even, class Transform = transform::identity,
          class Correction = correction::none>
struct quantizer {
  static_assert(
      scaling::policy<Scaling, Block>,
      "got a Scaling that is no scaling::policy for this Block; need shape, outer and choose");
  static_assert(rounding::policy<Rounding>,
                "got a Rounding that is no rounding::policy; need is_stochastic and encode");
  static_assert(transform::policy<Transform>,
                "got a Transform that is no transform::policy; need size, apply and invert");
  static_assert(correction::policy<Correction, Block>,
                "got a Correction that is no correction::policy; need columns and apply");

  using block_type = Block;
  using element_type = typename Block::element_type;
  using scale_type = typename Block::scale_type;
  using scaling_type = Scaling;
  using rounding_type = Rounding;
  using transform_type = Transform;
  using outer = typename Scaling::outer;
  using factors = tensor_scale::factors;
  static constexpr bool has_one_amax = !tensor_scale::is_per_row(outer::shares);

 private:
  static constexpr int larger(int a, int b) { return a > b ? a : b; }

 public:
  static constexpr group_extents group{
      static_cast<int>(scaling::rows<Block>(Scaling::shape)),
      larger(Block::size, larger(Transform::size, Correction::columns))};
  static_assert(group.columns % Block::size == 0 && group.columns % Transform::size == 0,
                "got a block and a transform of which neither divides the other");
  static constexpr int blocks_per_row = group.columns / Block::size;
  static constexpr bool is_one_block = group.rows == 1 && blocks_per_row == 1;

  using result_type =
      std::conditional_t<is_one_block, Block, block_group<Block, group.rows, blocks_per_row>>;

  static constexpr auto rows_ = static_cast<std::size_t>(group.rows);
  static constexpr auto columns_ = static_cast<std::size_t>(group.columns);

  // Not [[no_unique_address]]: nvcc takes no kernel parameter that is empty all through.
  Scaling scaling{};
  Rounding rounding{};
  Transform transform{};
  Correction correction{};

  /// What follows from an amax, to be computed once.
  [[nodiscard]] NIBBLE_HD static constexpr factors prepare(tensor_amax amax) noexcept {
    return outer{}.template from<element_type>(amax);
  }

  /// The values of one group as they will be scaled: read, converted to float and transformed.
  template <class In>
  NIBBLE_HD constexpr void load(In const& in, float (&values)[rows_][columns_]) const noexcept {
    check_group_array<In, group.rows, group.columns>();
    for (int r = 0; r < group.rows; ++r) {
      for (int c = 0; c < group.columns; ++c) values[r][c] = element(in, r, c);
      transform_row(values[r]);
    }
  }

  /// Transforms one row of a group in place: what load() does after reading.
  NIBBLE_HD constexpr void transform_row(float (&values)[columns_]) const noexcept {
    if constexpr (Transform::size == group.columns) {
      transform.apply(values);
    } else if constexpr (Transform::size > 1) {
      for (int first = 0; first < group.columns; first += Transform::size) {
        float part[std::size_t{Transform::size}]{};
        for (int i = 0; i < Transform::size; ++i) part[i] = values[first + i];
        transform.apply(part);
        for (int i = 0; i < Transform::size; ++i) values[first + i] = part[i];
      }
    }
  }

  /// Quantizes one group, under factors that prepare() returned.
  template <class In>
  [[nodiscard]] NIBBLE_HD constexpr result_type operator()(In const& in, factors const& f,
                                                           position where = {}) const noexcept {
    float values[rows_][columns_]{};
    load(in, values);
    return encode(values, f, where);
  }

  /// Quantizes one group of values that load() made.
  [[nodiscard]] NIBBLE_HD constexpr result_type encode(float const (&values)[rows_][columns_],
                                                       factors const& f,
                                                       position where = {}) const noexcept {
    block_group<Block, group.rows, blocks_per_row> result{};
    if constexpr (blocks_per_row == 1) {
      encode_tile(values, f, where, 0, result);
    } else {
      for (int b = 0; b < blocks_per_row; ++b) {
        float tile[rows_][std::size_t{Block::size}]{};
        for (int r = 0; r < group.rows; ++r) {
          for (int c = 0; c < Block::size; ++c) tile[r][c] = values[r][b * Block::size + c];
        }
        encode_tile(tile, f, where, b, result);
      }
    }
    correction.apply(values, f, where, result);
    if constexpr (is_one_block) {
      return result.blocks[0][0];
    } else {
      return result;
    }
  }

  /// The block of a result that is in row r of the group, number b from the left.
  [[nodiscard]] NIBBLE_HD static constexpr Block const& block_of(result_type const& result,
                                                                 [[maybe_unused]] int r,
                                                                 [[maybe_unused]] int b) noexcept {
    if constexpr (is_one_block) {
      return result;
    } else {
      return result.blocks[r][b];
    }
  }

  /// Quantizes one group of a tensor with this amax.
  template <class In>
  [[nodiscard]] NIBBLE_HD constexpr result_type operator()(In const& in, tensor_amax amax,
                                                           position where = {}) const noexcept {
    return (*this)(in, prepare(amax), where);
  }

  /// The multiplier of a code under a block scale: a code is worth code * multiplier(scale,
  /// factors).
  [[nodiscard]] NIBBLE_HD static constexpr float multiplier(scale_type scale,
                                                            factors const& f) noexcept {
    return outer{}.template decode<element_type>(static_cast<float>(scale), f);
  }

  /// The numbers that a block stands for, still transformed where there is a transform: what a
  /// product of two quantized matrices multiplies.
  [[nodiscard]] NIBBLE_HD static constexpr row<float, Block::size> decode(
      Block const& block, factors const& f) noexcept {
    float const m = multiplier(block.scale, f);
    row<float, Block::size> result{};
#if NIBBLE_HAS_LANES
    if constexpr (element_type::format == format::e2m1 && Block::size % 16 == 0 &&
                  !is_adaptive<Block>) {
      if (!detail::constant_evaluated()) {
        arch::lanes::decode_e2m1<std::size_t{Block::size}>(block.codes.bytes(), m, result.values);
        return result;
      }
    }
#endif
    for (int i = 0; i < Block::size; ++i) {
      result[i] = arch::multiply(value_of(block, i), m);
    }
    return result;
  }

  /// The numbers that a block stands for, with the transform undone.
  [[nodiscard]] NIBBLE_HD constexpr row<float, Block::size> dequantize(
      Block const& block, tensor_amax amax) const noexcept {
    static_assert(
        group.columns == Block::size,
        "got a transform wider than a block; dequantize a whole row with nibble::dequantize");
    row<float, Block::size> result = decode(block, prepare(amax));
    for (int first = 0; Transform::size > 1 && first < Block::size; first += Transform::size) {
      invert_at(result.values + first);
    }
    for (float& value : result.values) value = detail::canonical(value);
    return result;
  }

  /// Undoes the transform on Transform::size consecutive floats.
  NIBBLE_HD constexpr void invert_at(float* first) const noexcept {
    float part[std::size_t{Transform::size}]{};
    for (int i = 0; i < Transform::size; ++i) part[i] = first[i];
    transform.invert(part);
    for (int i = 0; i < Transform::size; ++i) first[i] = part[i];
  }

 private:
  template <class In>
  NIBBLE_HD static constexpr float element(In const& in, int r, int c) noexcept {
    if constexpr (requires { in(r, c); }) {
      return static_cast<float>(in(r, c));
    } else if constexpr (requires { static_cast<float>(in[r][c]); }) {
      return static_cast<float>(in[r][c]);
    } else {
      static_assert(group.rows == 1,
                    "got a row; this quantizer's group has several, need in(i, j)");
      return static_cast<float>(in[c]);
    }
  }

  NIBBLE_HD static constexpr void scale_row(float const (&values)[std::size_t{Block::size}],
                                            float factor,
                                            float (&scaled)[std::size_t{Block::size}]) noexcept {
    constexpr bool divides = scaling::divides<Scaling>;
#if NIBBLE_HAS_LANES
    if constexpr (Block::size % 16 == 0 && !divides) {
      if (!detail::constant_evaluated()) return arch::lanes::multiply(values, factor, scaled);
    }
#endif
    for (int c = 0; c < Block::size; ++c) {
      scaled[c] = divides ? arch::divide(values[c], factor) : arch::multiply(values[c], factor);
    }
  }

  NIBBLE_HD constexpr void encode_tile(
      float const (&values)[rows_][std::size_t{Block::size}], factors const& f, position where,
      int block, block_group<Block, group.rows, blocks_per_row>& result) const noexcept {
    auto const chosen = scaling.template choose<Block>(values, f);
    for (int r = 0; r < group.rows; ++r) {
      float scaled[std::size_t{Block::size}]{};
      scale_row(values[r], chosen.encode, scaled);
      result.blocks[r][block] = {
          codes_of<Block>(rounding, scaled, chosen.scale, where.of(r, block * Block::size)),
          chosen.scale};
    }
  }
};

/// quantizer{scaling, rounding, ...}: NVFP4 blocks, policies that hold state.
template <class Scaling, class Rounding = rounding::nearest_even,
          class Transform = transform::identity, class Correction = correction::none>
quantizer(Scaling, Rounding = {}, Transform = {}, Correction = {})
    -> quantizer<nvfp4_block, Scaling, Rounding, Transform, Correction>;

}  // namespace nibble
