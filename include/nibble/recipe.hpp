// SPDX-License-Identifier: Apache-2.0
// A recipe: which quantizer each of the six operands of a linear layer's three products goes
// through.
#pragma once

#include "nibble/gradient/straight_through.hpp"
#include "nibble/precision_plan.hpp"
#include "nibble/quantizer.hpp"
#include "nibble/scaling/adaptive.hpp"
#include "nibble/scaling/exhaustive.hpp"
#include "nibble/scaling/four_over_six.hpp"

namespace nibble {

/// Where a quantized operand comes from.
enum class operand_source {
  fresh,        // the high-precision tensor
  forward,      // the codes of the earlier product, transposed: both then see the same numbers
  requantized,  // the numbers that those codes stand for, quantized again along the other dimension
};

/// An operand that is quantized.
template <class Quantizer, operand_source From = operand_source::fresh>
struct operand {
  using quantizer = Quantizer;
  static constexpr operand_source from = From;
  static constexpr bool is_quantized = true;
};

/// All channels of fprop's x alike.
struct uniform_channels {
  static constexpr int percent = 0;
};

/// The hottest Percent of fprop's channels go through a product of their own: x and W quantized as
/// High says, and zeros in their place in the main product.
template <class High, int Percent>
struct mixed_channels {
  using high = High;
  static constexpr int percent = Percent;
  static constexpr bool is_residual = false;
};

/// What quantization lost in the hottest Percent of fprop's channels is quantized as Again says and
/// multiplied once more: as many more columns along K.
template <class Again, int Percent>
struct augmented_channels {
  using high = Again;
  static constexpr int percent = Percent;
  static constexpr bool is_residual = true;
};

/// An operand that stays in high precision: rounded to bf16.
struct bf16_operand {
  static constexpr operand_source from = operand_source::fresh;
  static constexpr bool is_quantized = false;
};

namespace detail {

/// Does this rule choose a scale by the error of nearest rounding?
template <class Scaling>
inline constexpr bool chooses_by_error = false;
template <class Metric, scaling::tile Shape, class Outer>
inline constexpr bool chooses_by_error<scaling::four_over_six<Metric, Shape, Outer>> = true;
template <class Metric, scaling::tile Shape, class Outer>
inline constexpr bool chooses_by_error<scaling::exhaustive<Metric, Shape, Outer>> = true;
template <class Metric, scaling::tile Shape, class Outer>
inline constexpr bool chooses_by_error<scaling::adaptive<Metric, Shape, Outer>> = true;

template <class A, class B>
[[nodiscard]] consteval bool blocks_match() {
  if constexpr (A::is_quantized && B::is_quantized) {
    return A::quantizer::block_type::size == B::quantizer::block_type::size;
  } else {
    return A::is_quantized == B::is_quantized;
  }
}

template <class A, class B>
[[nodiscard]] consteval bool transforms_match() {
  if constexpr (A::is_quantized && B::is_quantized) {
    return std::is_same_v<typename A::quantizer::transform_type,
                          typename B::quantizer::transform_type>;
  } else {
    return true;
  }
}

/// A scale chosen for nearest rounding, then rounded stochastically: the mean is off.
template <class Operand>
[[nodiscard]] consteval bool is_biased_gradient() {
  if constexpr (Operand::is_quantized) {
    return chooses_by_error<typename Operand::quantizer::scaling_type> &&
           Operand::quantizer::rounding_type::is_stochastic;
  } else {
    return false;
  }
}

/// A transposed copy of earlier codes needs square tiles, no transform, and the same quantizer.
template <class Forward, class Backward>
[[nodiscard]] consteval bool can_reuse() {
  if constexpr (Backward::from == operand_source::forward) {
    if constexpr (Forward::is_quantized && Backward::is_quantized) {
      return std::is_same_v<typename Forward::quantizer, typename Backward::quantizer> &&
             Forward::quantizer::scaling_type::shape == scaling::tile::square &&
             Forward::quantizer::transform_type::size == 1;
    } else {
      return false;
    }
  } else {
    return true;
  }
}

/// There must be codes to quantize again.
template <class Forward, class Backward>
[[nodiscard]] consteval bool can_requantize() {
  return Backward::from != operand_source::requantized ||
         (Forward::is_quantized && Backward::is_quantized);
}

}  // namespace detail

/// The six operands of y = x W^T, dx = dy W and dW = dy^T x.
///
/// shape   fprop sums over input features, dgrad over output features, wgrad over tokens: each
///         operand is quantized along the dimension that its product sums over.
/// errors  combinations that are wrong do not compile.
template <class FpropX, class FpropW, class DgradDy, class DgradW, class WgradDy, class WgradX>
struct recipe {
  using fprop_x = FpropX;
  using fprop_w = FpropW;
  using dgrad_dy = DgradDy;
  using dgrad_w = DgradW;
  using wgrad_dy = WgradDy;
  using wgrad_x = WgradX;

  static_assert(
      detail::blocks_match<FpropX, FpropW>() && detail::blocks_match<DgradDy, DgradW>() &&
          detail::blocks_match<WgradDy, WgradX>(),
      "got a product of two operands with different blocks, or of one that is quantized and "
      "one that is not; need the same block size on both");
  static_assert(
      detail::transforms_match<FpropX, FpropW>() && detail::transforms_match<DgradDy, DgradW>() &&
          detail::transforms_match<WgradDy, WgradX>(),
      "got a transform on one operand of a product only; it cancels only when both operands "
      "have it, so give it to both or to none");
  static_assert(
      !detail::is_biased_gradient<DgradDy>() && !detail::is_biased_gradient<WgradDy>(),
      "got four_over_six with stochastic rounding on a gradient (or another scale that is "
      "chosen for nearest rounding), which is biased; use scaling::amax with stochastic "
      "rounding, or four_over_six with nearest_even");
  static_assert(detail::can_reuse<FpropW, DgradW>(),
                "got operand_source::forward for dgrad's weights, which sum over the other "
                "dimension; need the quantizer of fprop's weights with square tiles, or "
                "operand_source::fresh or requantized");
  static_assert(detail::can_reuse<FpropX, WgradX>() && detail::can_reuse<DgradDy, WgradDy>(),
                "got operand_source::forward for an operand of wgrad, which sums over tokens; need "
                "the quantizer of the earlier product with square tiles and no transform, or "
                "operand_source::fresh or requantized");
  static_assert(detail::can_requantize<FpropW, DgradW>() &&
                    detail::can_requantize<FpropX, WgradX>() &&
                    detail::can_requantize<DgradDy, WgradDy>(),
                "got operand_source::requantized for an operand that the earlier product kept in "
                "bf16; there are no codes to start from, use operand_source::fresh");
  static_assert(FpropX::from == operand_source::fresh && FpropW::from == operand_source::fresh &&
                    DgradDy::from == operand_source::fresh,
                "got an operand of fprop, or dgrad's gradient, that is made from earlier codes; it "
                "is the first of its tensor, use operand_source::fresh");

  // What a recipe does beside quantizing its operands; one that does more declares its own.
  using x_gradient = gradient::straight_through;
  using w_gradient = gradient::straight_through;
  using channels = uniform_channels;
  static constexpr bool splits_mean = false;
};

/// The same operand, made from the high-precision tensor.
template <class Operand>
struct made_fresh {
  using type = Operand;
};
/// The same of a quantized one, whatever it was made of.
template <class Quantizer, operand_source From>
struct made_fresh<operand<Quantizer, From>> {
  using type = operand<Quantizer>;
};

/// A recipe's backward products behind a bf16 forward: what is left to quantize once a run switches
/// its forward pass to high precision.
template <class Recipe>
using with_bf16_forward =
    recipe<bf16_operand, bf16_operand, typename Recipe::dgrad_dy,
           typename made_fresh<typename Recipe::dgrad_w>::type, typename Recipe::wgrad_dy,
           typename made_fresh<typename Recipe::wgrad_x>::type>;

}  // namespace nibble
