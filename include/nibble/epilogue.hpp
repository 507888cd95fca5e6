// SPDX-License-Identifier: Apache-2.0
// What happens to the sum of a product on its way out: tensor scales, alpha, beta, bias.
#pragma once

#include "nibble/arch/arithmetic.hpp"
#include "nibble/tensor_scale/policy.hpp"

namespace nibble {

/// What happens to a sum on its way out.
///
/// rule    r = fl(alpha' sum), r = fl(r + fl(beta C)) if beta is not 0, r = fl(r + bias_j) if there
///         is a bias; each one FP32 operation. C is what the output held before.
/// errors  beta 0 does not read C, which may be NaN or never written. Results that are NaN are
///         0x7FC00000.
/// bits    identical everywhere, for the same sum.
struct epilogue {
  float alpha = 1.0f;
  float beta = 0.0f;
  float const* bias = nullptr;  // one a column of the result
};

namespace detail {

/// 1 / (range A * range B) in FP32, for ranges of 1 (no tensor scale) or 2688 and the like, times the
/// gain of outer scales that are constants.
template <class QuantizerA, class QuantizerB>
[[nodiscard]] NIBBLE_HD constexpr float alpha_constant() noexcept {
  double denominator = 1;
  if constexpr (QuantizerA::outer::bound > 0) {
    denominator *=
        static_cast<double>(QuantizerA::outer::template range<typename QuantizerA::element_type>);
  }
  if constexpr (QuantizerB::outer::bound > 0) {
    denominator *=
        static_cast<double>(QuantizerB::outer::template range<typename QuantizerB::element_type>);
  }
  double gain = 1;
  if constexpr (requires { QuantizerA::outer::gain; }) gain *= QuantizerA::outer::gain;
  if constexpr (requires { QuantizerB::outer::gain; }) gain *= QuantizerB::outer::gain;
  return static_cast<float>(gain / denominator);
}

}  // namespace detail

/// What a product's sum is multiplied by: ((alpha * amax_b) * amax_a) * fl(1 / (range_a *
/// range_b)).
///
/// rule    b comes first because a row-major D = A B^T is cuBLAS's column-major product with B for
///         its first operand, and TransformerEngine multiplies cuBLAS's A first. Operands without a
///         tensor scale contribute nothing.
/// errors  overflows to infinity and underflows as FP32 does.
/// bits    identical everywhere; for NVFP4 the alpha of TransformerEngine.
template <class QuantizerA, class QuantizerB>
[[nodiscard]] NIBBLE_HD constexpr float fold_alpha(float alpha, tensor_amax a,
                                                   tensor_amax b) noexcept {
  constexpr float constant = detail::alpha_constant<QuantizerA, QuantizerB>();
  if constexpr (QuantizerB::outer::bound > 0) alpha = arch::multiply(alpha, b.value);
  if constexpr (QuantizerA::outer::bound > 0) alpha = arch::multiply(alpha, a.value);
  return constant == 1.0f ? alpha : arch::multiply(alpha, constant);
}

}  // namespace nibble
