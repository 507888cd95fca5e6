// SPDX-License-Identifier: Apache-2.0
// A recipe: which quantizer each of the six operands of a linear layer's three products goes
// through.
#pragma once

#include "nibble/quantizer.hpp"
#include "nibble/scaling/four_over_six.hpp"

namespace nibble {

/// Where a quantized operand comes from.
enum class operand_source {
  fresh,    // the high-precision tensor
  forward,  // the codes that fprop used, transposed: fprop and dgrad then see the same numbers
};

/// An operand that is quantized.
template <class Quantizer, operand_source From = operand_source::fresh>
struct operand {
  using quantizer = Quantizer;
  static constexpr operand_source from = From;
  static constexpr bool is_quantized = true;
};

/// An operand that stays in high precision: rounded to bf16.
struct bf16_operand {
  static constexpr operand_source from = operand_source::fresh;
  static constexpr bool is_quantized = false;
};

namespace detail {

template <class Scaling>
inline constexpr bool is_four_over_six = false;
template <class Metric, scaling::tile Shape, class Outer>
inline constexpr bool is_four_over_six<scaling::four_over_six<Metric, Shape, Outer>> = true;

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

/// 4/6 chosen for nearest rounding, then rounded stochastically: the mean is off.
template <class Operand>
[[nodiscard]] consteval bool is_biased_gradient() {
  if constexpr (Operand::is_quantized) {
    return is_four_over_six<typename Operand::quantizer::scaling_type> &&
           Operand::quantizer::rounding_type::is_stochastic;
  } else {
    return false;
  }
}

/// A transposed copy of fprop's codes needs square tiles, no transform, and the same quantizer.
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
  static_assert(!detail::is_biased_gradient<DgradDy>() && !detail::is_biased_gradient<WgradDy>(),
                "got four_over_six with stochastic rounding on a gradient, which is biased; use "
                "scaling::amax with stochastic rounding, or four_over_six with nearest_even");
  static_assert(detail::can_reuse<FpropW, DgradW>(),
                "got operand_source::forward for dgrad's weights, which sum over the other "
                "dimension; need the "
                "quantizer of fprop's weights with square tiles, or operand_source::fresh");
  static_assert(
      FpropX::from == operand_source::fresh && FpropW::from == operand_source::fresh &&
          DgradDy::from == operand_source::fresh && WgradDy::from == operand_source::fresh &&
          WgradX::from == operand_source::fresh,
      "got operand_source::forward for an operand other than dgrad's weights; row blocks cannot be "
      "summed over the other dimension, use operand_source::fresh");
};

/// What a linear layer is for, as far as plans tell layers apart.
enum class layer_role {
  other,
  attention_qkv,
  attention_out,
  feed_forward_up,
  feed_forward_down,
  mamba_in,
  mamba_out,
};

/// A linear layer's place in a model.
struct layer_place {
  layer_role role = layer_role::other;
  int block = 0;   // which residual block it is in, from 0
  int blocks = 1;  // how many there are
};

/// Which layers stay in high precision. (Embeddings, norms, attention products and the head are not
/// linear layers of a recipe: the model keeps them out.)
struct precision_plan {
  int first_blocks = 0;  // this many at the start
  int last_blocks = 0;   // and at the end
  int last_percent = 0;  // or this share at the end, rounded up
  unsigned roles = 0;    // bit r: layers of role r anywhere

  [[nodiscard]] constexpr bool keeps_high_precision(layer_place where) const noexcept {
    int const share = (where.blocks * last_percent + 99) / 100;
    int const last = share > last_blocks ? share : last_blocks;
    return where.block < first_blocks || where.block >= where.blocks - last ||
           (roles >> static_cast<unsigned>(where.role) & 1u) != 0;
  }
};

}  // namespace nibble
