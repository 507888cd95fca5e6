// SPDX-License-Identifier: Apache-2.0
// The product of two quantized matrices on the host, with one true answer where there is one.
#pragma once

#include "nibble/bf16.hpp"
#include "nibble/detail/host_gemm.hpp"
#include "nibble/dequantize.hpp"

namespace nibble {

/// How a product is summed.
enum class product {
  exact,    // the correctly rounded sum; needs E4M3 block scales on both sides
  ordered,  // block by block in FP64: one defined answer for every format
  fast,     // FP32, increasing k: as fast as floats go, and outside the promise of equal bytes
};

/// What happens to a sum on its way out.
///
/// rule    r = fl(alpha' sum), r = fl(r + fl(beta C)) if beta is not 0, r = fl(r + bias_j) if there is a
///         bias; each one FP32 operation. C is what the output held before.
struct epilogue {
  float alpha = 1.0f;
  float beta = 0.0f;
  float const* bias = nullptr;  // one a column of the result
};

namespace detail {

/// 1 / (range A * range B) in FP32, for ranges of 1 (no tensor scale) or 2688 and the like.
template <class QuantizerA, class QuantizerB>
[[nodiscard]] constexpr float alpha_constant() noexcept {
  double denominator = 1;
  if constexpr (QuantizerA::outer::bound > 0) {
    denominator *= static_cast<double>(
        QuantizerA::outer::template range<typename QuantizerA::element_type>);
  }
  if constexpr (QuantizerB::outer::bound > 0) {
    denominator *= static_cast<double>(
        QuantizerB::outer::template range<typename QuantizerB::element_type>);
  }
  return static_cast<float>(1.0 / denominator);
}

}  // namespace detail

/// What a product's sum is multiplied by: ((alpha * amax_b) * amax_a) * fl(1 / (range_a * range_b)).
///
/// rule    b comes first because a row-major D = A B^T is cuBLAS's column-major product with B for its
///         first operand, and TransformerEngine multiplies cuBLAS's A first. Operands without a tensor
///         scale contribute nothing.
/// bits    identical everywhere; for NVFP4 the alpha of TransformerEngine.
template <class QuantizerA, class QuantizerB>
[[nodiscard]] NIBBLE_HD constexpr float fold_alpha(float alpha, tensor_amax a,
                                                   tensor_amax b) noexcept {
  constexpr float constant = detail::alpha_constant<QuantizerA, QuantizerB>();
  if constexpr (QuantizerB::outer::bound > 0) alpha = arch::multiply(alpha, b.value);
  if constexpr (QuantizerA::outer::bound > 0) alpha = arch::multiply(alpha, a.value);
  return constant == 1.0f ? alpha : arch::multiply(alpha, constant);
}

namespace detail {

/// Decodes an operand to code * scale, tensor scales left out: exact in float for E4M3 scales.
template <class Real, int Rows, class View, class Parallel>
[[nodiscard]] panels<Real, Rows> decode_panels(View const& in, bool with_scales,
                                               Parallel const& parallel) {
  using block_type = typename View::block_type;
  constexpr matrix_index size = block_type::size;
  matrix_index const blocks = ceil_div(in.columns(), size);
  panels<Real, Rows> result(in.rows(), blocks * size);
  parallel(in.rows(), grain_for(1, in.columns()), [&](matrix_index first, matrix_index last) {
    for (matrix_index row = first; row < last; ++row) {
      for (matrix_index b = 0; b < blocks; ++b) {
        auto const block = load_block(in, row, b);
        Real const scale = with_scales ? static_cast<Real>(static_cast<float>(block.scale)) : Real{1};
        for (int i = 0; i < int{size}; ++i) {
          result.at(row, b * size + i) = static_cast<Real>(static_cast<float>(block.codes[i])) * scale;
        }
      }
    }
  });
  return result;
}

/// A double through a barrier, as arch::opaque: a product that must not fuse with the next sum.
[[nodiscard]] inline double opaque(double value) noexcept {
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__) && __GNUC__ >= 12
  return __builtin_assoc_barrier(value);
#else
  double volatile kept = value;
  return kept;
#endif
}

/// Applies the epilogue to one sum and writes it.
template <class Out>
void finish_element(Out const& out, matrix_index i, matrix_index j, float sum, float alpha,
                    epilogue const& e) noexcept {
  float result = arch::multiply(alpha, sum);
  if (e.beta != 0.0f) {
    result = arch::add(result, arch::multiply(e.beta, static_cast<float>(out(i, j))));
  }
  if (e.bias != nullptr) result = arch::add(result, e.bias[j]);
  out(i, j) = static_cast<std::remove_cv_t<typename Out::value_type>>(canonical(result));
}

/// Units of 2^-20 in a chunk's sum, which is a multiple of it: every product of two elements is a
/// multiple of .25 and every product of two E4M3 scales of 2^-18.
inline constexpr double units_per_one = 0x1p20;
/// Sums of this many products are exact in FP64: a product is below 2^43 units, 2^10 of them below
/// 2^53.
inline constexpr matrix_index exact_chunk = 1024;
/// And of this many in int64: 2^63 / (144 * 229376^2 units).
inline constexpr matrix_index exact_limit = matrix_index{1} << 20;

template <class A, class B, class AlphaOf, class Out, class Parallel>
void matmul_exact(A const& a, B const& b, AlphaOf alpha_of, Out const& out, epilogue const& e,
                  Parallel const& parallel) {
  using element_a = std::remove_const_t<typename A::element_type>;
  using element_b = std::remove_const_t<typename B::element_type>;
  static_assert(std::is_same_v<element_a, fp4_e2m1> && std::is_same_v<element_b, fp4_e2m1> &&
                    std::is_same_v<std::remove_const_t<typename A::scale_type>, fp8_e4m3> &&
                    std::is_same_v<std::remove_const_t<typename B::scale_type>, fp8_e4m3>,
                "got a format other than e2m1 with E4M3 scales; product::exact is proved for that "
                "one, use product::ordered");
  require(a.columns() <= exact_limit, "nibble::matmul: got a sum over " +
                                          std::to_string(a.columns()) +
                                          " elements, exact sums fit 64 bits up to 2^20; split it");
  auto const left = decode_panels<double, tile_rows>(a, true, parallel);
  auto const right = decode_panels<double, tile_columns<double>>(b, true, parallel);
  for_each_tile(left, right, parallel, [&](matrix_index row_panel, matrix_index column_panel) {
    constexpr int columns = tile_columns<double>;
    std::int64_t units[tile_rows][static_cast<std::size_t>(columns)] = {};
    bool is_nan[tile_rows][static_cast<std::size_t>(columns)] = {};
    for (matrix_index k = 0; k < left.depth(); k += exact_chunk) {
      auto const chunk = multiply_panels(left.panel(row_panel), right.panel(column_panel), k,
                                         std::min(left.depth(), k + exact_chunk));
      for (int i = 0; i < tile_rows; ++i) {
        for (int j = 0; j < columns; ++j) {
          double const sum = chunk.value[i][j];
          is_nan[i][j] = is_nan[i][j] || sum != sum;  // a NaN scale
          units[i][j] += sum != sum ? 0 : static_cast<std::int64_t>(sum * units_per_one);
        }
      }
    }
    for (int i = 0; i < tile_rows; ++i) {
      for (int j = 0; j < columns; ++j) {
        matrix_index const r = row_panel * tile_rows + i, c = column_panel * columns + j;
        if (r >= out.extent(0) || c >= out.extent(1)) continue;
        // int64 to float rounds once; the factor is a power of two and the result far from subnormal.
        float const sum = is_nan[i][j] ? float_from_bits(0x7FC0'0000u)
                                       : static_cast<float>(units[i][j]) * 0x1p-20f;
        finish_element(out, r, c, sum, alpha_of(r, c), e);
      }
    }
  });
}

template <class A, class B, class AlphaOf, class OuterOf, class Out, class Parallel>
void matmul_ordered(A const& a, B const& b, AlphaOf alpha_of, OuterOf outer_of, Out const& out,
                    epilogue const& e, Parallel const& parallel) {
  auto const left = decode_panels<double, tile_rows>(a, false, parallel);
  auto const right = decode_panels<double, tile_columns<double>>(b, false, parallel);
  constexpr matrix_index size = A::block_type::size;
  for_each_tile(left, right, parallel, [&](matrix_index row_panel, matrix_index column_panel) {
    constexpr int columns = tile_columns<double>;
    double sums[tile_rows][static_cast<std::size_t>(columns)] = {};
    matrix_index const first_row = row_panel * tile_rows, first_column = column_panel * columns;
    auto const rows = static_cast<int>(std::min<matrix_index>(tile_rows, out.extent(0) - first_row));
    auto const wide = static_cast<int>(std::min<matrix_index>(columns, out.extent(1) - first_column));
    for (matrix_index block = 0; block * size < left.depth(); ++block) {
      auto const codes = multiply_panels(left.panel(row_panel), right.panel(column_panel),
                                         block * size, (block + 1) * size);
      for (int i = 0; i < rows; ++i) {
        auto const scale_a = static_cast<double>(static_cast<float>(a.scale(first_row + i, block)));
        for (int j = 0; j < wide; ++j) {
          auto const scale_b =
              static_cast<double>(static_cast<float>(b.scale(first_column + j, block)));
          double term = opaque(opaque(codes.value[i][j] * scale_a) * scale_b);
          term = outer_of(term, first_row + i, first_column + j, block * size);
          sums[i][j] = opaque(sums[i][j] + term);
        }
      }
    }
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < wide; ++j) {
        float const sum = arch::constant::narrow(sums[i][j]);
        finish_element(out, first_row + i, first_column + j, sum,
                       alpha_of(first_row + i, first_column + j), e);
      }
    }
  });
}

/// FP32 products of decoded panels, for the fast mode and for operands that were never quantized.
template <class Real, class AlphaOf, class Out, class Parallel>
void matmul_panels(panels<Real, tile_rows> const& left,
                   panels<Real, tile_columns<Real>> const& right, AlphaOf alpha_of, Out const& out,
                   epilogue const& e, Parallel const& parallel) {
  for_each_tile(left, right, parallel, [&](matrix_index row_panel, matrix_index column_panel) {
    constexpr int columns = tile_columns<Real>;
    auto const sums = multiply_panels(left.panel(row_panel), right.panel(column_panel), 0,
                                      left.depth());
    for (int i = 0; i < tile_rows; ++i) {
      for (int j = 0; j < columns; ++j) {
        matrix_index const r = row_panel * tile_rows + i, c = column_panel * columns + j;
        if (r >= out.extent(0) || c >= out.extent(1)) continue;
        float const sum = arch::constant::narrow(static_cast<double>(sums.value[i][j]));
        finish_element(out, r, c, sum, alpha_of(r, c), e);
      }
    }
  });
}

}  // namespace detail

/// out = alpha A B^T + beta out + bias, for two matrices that these quantizers made.
///
/// shape   A: M x K, B: N x K, blocks along K on both; out: M x N of float or bf16, any strides. K may be
///         0: the sum is then 0.
/// rule    see product for the sum, fold_alpha for the tensor scales, epilogue for the rest. ordered: the
///         codes' products of a block summed in FP64 (exact for 4-bit elements), times scale A, times scale
///         B, blocks added in increasing k, all in FP64; the sum rounded to FP32. An outer scale that
///         changes along K multiplies each block's term, A's first.
/// errors  std::invalid_argument for shapes that do not fit, std::runtime_error as quantize. A NaN scale
///         makes every element it reaches NaN.
/// bits    exact and ordered: identical on every machine, for any number of threads. fast: the same on
///         every run of one program.
template <product Mode, class BlockA, class LayoutA, class QuantizerA, class BlockB, class LayoutB,
          class QuantizerB, class Out, class Parallel = threads>
void matmul(quantized_view<BlockA, LayoutA> const& a, QuantizerA const&,
            quantized_view<BlockB, LayoutB> const& b, QuantizerB const&, Out const& out,
            epilogue const& e = {}, Parallel const& parallel = {}) {
  using tensor_scale::granularity;
  static_assert(std::remove_const_t<BlockA>::size == std::remove_const_t<BlockB>::size,
                "got blocks of different sizes; both operands need the same along K");
  static_assert(std::is_same_v<typename QuantizerA::transform_type, typename QuantizerB::transform_type>,
                "got a transform on one operand only, or two that differ; they cancel only in pairs");
  constexpr bool outer_varies_along_k = QuantizerA::outer::shares == granularity::block_128 ||
                                        QuantizerB::outer::shares == granularity::block_128;
  static_assert(!outer_varies_along_k || Mode == product::ordered,
                "got an outer scale per 1x128 block; need product::ordered");
  detail::require_ieee("nibble::matmul");
  detail::require(a.columns() == b.columns() && out.extent(0) == a.rows() && out.extent(1) == b.rows(),
                  "nibble::matmul: got A " + detail::shape_text(a.rows(), a.columns()) + ", B " +
                      detail::shape_text(b.rows(), b.columns()) + ", out " +
                      detail::shape_text(out.extent(0), out.extent(1)) +
                      "; need M x K, N x K and M x N");
  auto const alpha_of = [&](matrix_index i, matrix_index j) {
    tensor_amax const of_a{QuantizerA::outer::shares == granularity::block_128 ? 1.0f : a.amax_of(i, 0)};
    tensor_amax const of_b{QuantizerB::outer::shares == granularity::block_128 ? 1.0f : b.amax_of(j, 0)};
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
