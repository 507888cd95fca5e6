// SPDX-License-Identifier: Apache-2.0
// The product of two quantized matrices on the host, with one true answer where there is one.
#pragma once

#include "nibble/detail/host_products.hpp"

namespace nibble {

/// How a product is summed.
enum class product {
  exact,    // the correctly rounded sum; needs E4M3 block scales on both sides
  ordered,  // block by block in FP64: one defined answer for every format
  fast,     // FP32, increasing k: as fast as floats go, and outside the promise of equal bytes
};

/// out = alpha A B^T + beta out + bias, for two matrices that these quantizers made.
///
/// shape   A: M x K, B: N x K, blocks along K on both; out: M x N of float or bf16, any strides. K
///         may be 0: the sum is then 0.
/// rule    see product for the sum, fold_alpha for the tensor scales, epilogue for the rest.
///         ordered: the codes' products of a block summed in FP64 (exact for 4-bit elements), times
///         scale A, times scale B, blocks added in increasing k, all in FP64; the sum rounded to
///         FP32. An outer scale that changes along K multiplies each block's term, A's first.
/// errors  std::invalid_argument for shapes that do not fit, std::runtime_error as quantize. A NaN
///         scale makes every element it reaches NaN.
/// bits    exact and ordered: identical on every machine, for any number of threads. fast: the same
///         on every run of one program.
template <product Mode, class BlockA, class LayoutA, class QuantizerA, class BlockB, class LayoutB,
          class QuantizerB, class Out, class Parallel = threads>
void matmul(quantized_view<BlockA, LayoutA> const& a, QuantizerA const&,
            quantized_view<BlockB, LayoutB> const& b, QuantizerB const&, Out const& out,
            epilogue const& e = {}, Parallel const& parallel = {}) {
  using tensor_scale::granularity;
  static_assert(std::remove_const_t<BlockA>::size == std::remove_const_t<BlockB>::size,
                "got blocks of different sizes; both operands need the same along K");
  static_assert(
      std::is_same_v<typename QuantizerA::transform_type, typename QuantizerB::transform_type>,
      "got a transform on one operand only, or two that differ; they cancel only in pairs");
  constexpr bool outer_varies_along_k = QuantizerA::outer::shares == granularity::block_128 ||
                                        QuantizerB::outer::shares == granularity::block_128;
  static_assert(!outer_varies_along_k || Mode == product::ordered,
                "got an outer scale per 1x128 block; need product::ordered");
  detail::require_ieee("nibble::matmul");
  detail::require(
      a.columns() == b.columns() && out.extent(0) == a.rows() && out.extent(1) == b.rows(),
      "nibble::matmul: got A " + detail::shape_text(a.rows(), a.columns()) + ", B " +
          detail::shape_text(b.rows(), b.columns()) + ", out " +
          detail::shape_text(out.extent(0), out.extent(1)) + "; need M x K, N x K and M x N");
  auto const alpha_of = [&](matrix_index i, matrix_index j) {
    tensor_amax const of_a{QuantizerA::outer::shares == granularity::block_128 ? 1.0f
                                                                               : a.amax_of(i, 0)};
    tensor_amax const of_b{QuantizerB::outer::shares == granularity::block_128 ? 1.0f
                                                                               : b.amax_of(j, 0)};
    return fold_alpha<QuantizerA, QuantizerB>(e.alpha, of_a, of_b);
  };
  if constexpr (Mode == product::exact) {
    detail::matmul_exact(a, b, alpha_of, out, e, parallel);
  } else if constexpr (Mode == product::ordered) {
    auto const outer_of = [&](double term, matrix_index i, matrix_index j, matrix_index k) {
      if constexpr (QuantizerA::outer::shares == granularity::block_128) {
        term = detail::opaque(term * static_cast<double>(a.amax_of(i, k)));
      }
      if constexpr (QuantizerB::outer::shares == granularity::block_128) {
        term = detail::opaque(term * static_cast<double>(b.amax_of(j, k)));
      }
      return term;
    };
    detail::matmul_ordered(a, b, alpha_of, outer_of, out, e, parallel);
  } else {
    auto const left = detail::decode_panels<float, detail::tile_rows>(a, true, parallel);
    auto const right = detail::decode_panels<float, detail::tile_columns<float>>(b, true, parallel);
    detail::matmul_panels(left, right, alpha_of, out, e, parallel);
  }
}

}  // namespace nibble
