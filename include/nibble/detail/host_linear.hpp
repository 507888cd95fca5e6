// SPDX-License-Identifier: Apache-2.0
// The operands of a linear layer's products on the host: made as a recipe says, multiplied in pairs.
#pragma once

#include "nibble/bf16.hpp"
#include "nibble/matmul.hpp"
#include "nibble/metrics.hpp"
#include "nibble/recipe.hpp"
#include "nibble/scaling/policy.hpp"

namespace nibble::detail {

/// A matrix of floats that owns its memory.
struct float_matrix {
  std::vector<float> values;
  matrix_index row_count = 0, column_count = 0;

  [[nodiscard]] matrix_view<float> view() {
    return *make_matrix_view(cuda::std::span<float>(values.data(), values.size()), row_count,
                             column_count);
  }
  [[nodiscard]] matrix_view<float const> view() const {
    return *make_matrix_view(cuda::std::span<float const>(values.data(), values.size()), row_count,
                             column_count);
  }
};

/// An operand as a product wants it: codes, or bf16 values.
template <class Operand>
struct stored_operand {
  quantized_by<typename Operand::quantizer> matrix;

  [[nodiscard]] matrix_index rows() const noexcept { return matrix.shape().rows; }
  [[nodiscard]] matrix_index columns() const noexcept { return matrix.shape().columns; }
};

template <>
struct stored_operand<bf16_operand> {
  std::vector<bf16> values;
  matrix_index row_count = 0, column_count = 0;

  [[nodiscard]] matrix_index rows() const noexcept { return row_count; }
  [[nodiscard]] matrix_index columns() const noexcept { return column_count; }
};

/// Makes an operand from a high-precision matrix, by a quantizer that holds its random numbers.
template <class Operand, class In, class Quantizer, class Parallel>
[[nodiscard]] stored_operand<Operand> make_operand(In const& in, Quantizer const& q,
                                                   error_report* report, Parallel const& parallel) {
  if constexpr (Operand::is_quantized) {
    stored_operand<Operand> result{quantized(in, q, parallel)};
    if (report != nullptr) *report += compare(in, result.matrix.view(), q, parallel);
    return result;
  } else {
    stored_operand<Operand> result{{}, in.extent(0), in.extent(1)};
    result.values.resize(static_cast<std::size_t>(in.extent(0) * in.extent(1)));
    parallel(in.extent(0), grain_for(1, in.extent(1)), [&](matrix_index first, matrix_index last) {
      for (matrix_index i = first; i < last; ++i) {
        for (matrix_index j = 0; j < in.extent(1); ++j) {
          result.values[static_cast<std::size_t>(i * in.extent(1) + j)] =
              bf16(static_cast<float>(in(i, j)));
        }
      }
    });
    return result;
  }
}

/// The numbers that an operand's codes stand for, as many columns as the original had.
template <class Operand, class Quantizer, class Parallel>
[[nodiscard]] float_matrix decoded(stored_operand<Operand> const& in, matrix_index columns,
                                   Quantizer const& q, Parallel const& parallel) {
  float_matrix result{std::vector<float>(static_cast<std::size_t>(in.rows() * columns)), in.rows(),
                      columns};
  dequantize(in.matrix.view(), result.view(), q, domain::original, parallel);
  return result;
}

template <class Real, int Rows, class Parallel>
[[nodiscard]] panels<Real, Rows> to_panels(stored_operand<bf16_operand> const& in,
                                           Parallel const& parallel) {
  panels<Real, Rows> result(in.row_count, in.column_count);
  parallel(in.row_count, grain_for(1, in.column_count), [&](matrix_index first, matrix_index last) {
    for (matrix_index i = first; i < last; ++i) {
      for (matrix_index k = 0; k < in.column_count; ++k) {
        auto const value = in.values[static_cast<std::size_t>(i * in.column_count + k)];
        result.at(i, k) = static_cast<Real>(static_cast<float>(value));
      }
    }
  });
  return result;
}

/// Codes times all of their scales, outer ones too: for the fast product where those change along K.
template <class Real, int Rows, class Operand, class Parallel>
[[nodiscard]] panels<Real, Rows> to_panels(stored_operand<Operand> const& in,
                                           Parallel const& parallel) {
  using Quantizer = typename Operand::quantizer;
  constexpr matrix_index size = Quantizer::block_type::size;
  auto const view = in.matrix.view();
  matrix_index const blocks = ceil_div(view.columns(), size);
  panels<Real, Rows> result(view.rows(), blocks * size);
  parallel(view.rows(), grain_for(1, view.columns()), [&](matrix_index first, matrix_index last) {
    for (matrix_index i = first; i < last; ++i) {
      for (matrix_index b = 0; b < blocks; ++b) {
        auto const values = Quantizer::decode(load_block(view, i, b),
                                              Quantizer::prepare({view.amax_of(i, b * size)}));
        for (int c = 0; c < int{size}; ++c) {
          result.at(i, b * size + c) = static_cast<Real>(values[c]);
        }
      }
    }
  });
  return result;
}

/// Are sums of products of such numbers exact in 64 bits?
template <class Quantizer>
inline constexpr bool has_exact_products =
    std::is_same_v<typename Quantizer::element_type, fp4_e2m1>&&
        std::is_same_v<typename Quantizer::scale_type, fp8_e4m3>;

/// out = A B^T + beta out. bf16 operands: FP32 sums in fast mode, FP64 sums in increasing k
/// otherwise (products of bf16 are exact in FP64, so fusing cannot change them).
template <product Mode, class A, class B, class Out, class Parallel>
void multiply_operands(stored_operand<A> const& a, stored_operand<B> const& b, Out const& out,
                       float beta, Parallel const& parallel) {
  epilogue const e{.beta = beta};
  auto const as_panels = [&] {
    using Real = std::conditional_t<Mode == product::fast, float, double>;
    matmul_panels(
        to_panels<Real, tile_rows>(a, parallel), to_panels<Real, tile_columns<Real>>(b, parallel),
        [](matrix_index, matrix_index) { return 1.0f; }, out, e, parallel);
  };
  if constexpr (A::is_quantized) {
    using left = typename A::quantizer;
    using right = typename B::quantizer;
    constexpr auto varies = tensor_scale::granularity::block_128;
    constexpr bool has_exact_sums = has_exact_products<left> && has_exact_products<right>;
    constexpr bool outer_varies = left::outer::shares == varies || right::outer::shares == varies;
    if constexpr (Mode == product::fast && outer_varies) {
      as_panels();
    } else {
      constexpr product mode =
          Mode == product::exact && (!has_exact_sums || outer_varies) ? product::ordered : Mode;
      matmul<mode>(a.matrix.view(), left{}, b.matrix.view(), right{}, out, e, parallel);
    }
  } else {
    as_panels();
  }
}

/// What a gradient is multiplied with, element by element, by a rule that looks at how a quantized
/// matrix was rounded.
template <class Rule, class Operand, class In>
[[nodiscard]] std::vector<float> gradient_factors(In const& in, stored_operand<Operand> const& as) {
  using Quantizer = typename Operand::quantizer;
  static_assert(Quantizer::transform_type::size == 1,
                "got a gradient rule on a transformed operand; it looks at plain values");
  auto const view = as.matrix.view();
  std::vector<float> factors(static_cast<std::size_t>(in.extent(0) * in.extent(1)));
  for (matrix_index i = 0; i < in.extent(0); ++i) {
    for (matrix_index j = 0; j < in.extent(1); ++j) {
      auto const scale = view.scale(i, j / Quantizer::block_type::size);
      float const encode = scaling::encode_multiplier(static_cast<float>(scale),
                                                      Quantizer::prepare({view.amax_of(i, j)}));
      factors[static_cast<std::size_t>(i * in.extent(1) + j)] =
          Rule::template factor<typename Quantizer::element_type>(
              arch::multiply(static_cast<float>(in(i, j)), encode));
    }
  }
  return factors;
}

/// out(i, j) *= factors, one FP32 product an element.
template <class Out>
void scale_by(Out const& out, std::vector<float> const& factors) {
  for (matrix_index i = 0; i < out.extent(0); ++i) {
    for (matrix_index j = 0; j < out.extent(1); ++j) {
      float const factor = factors[static_cast<std::size_t>(i * out.extent(1) + j)];
      out(i, j) = static_cast<std::remove_cv_t<typename Out::value_type>>(
          canonical(arch::multiply(static_cast<float>(out(i, j)), factor)));
    }
  }
}

}  // namespace nibble::detail
