// SPDX-License-Identifier: Apache-2.0
// A linear layer's three products under a recipe: fprop, dgrad and wgrad on the host.
#pragma once

#include "nibble/bf16.hpp"
#include "nibble/matmul.hpp"
#include "nibble/metrics.hpp"
#include "nibble/random/philox.hpp"
#include "nibble/random/stream.hpp"
#include "nibble/recipe.hpp"
#include "nibble/transpose.hpp"

namespace nibble {

/// The six tensors of a layer that may draw random numbers; the role of their streams.
enum class operand_role : std::uint32_t { fprop_x, fprop_w, dgrad_dy, dgrad_w, wgrad_dy, wgrad_x };

/// Which random numbers a call draws: a run that stops and resumes with the same keys gives the
/// same bits.
struct layer_key {
  std::uint64_t seed = 0;
  std::uint32_t layer = 0;
  std::uint64_t step = 0;

  [[nodiscard]] constexpr random::philox4x32<> source(operand_role role) const noexcept {
    bool const is_transposed = role >= operand_role::wgrad_dy || role == operand_role::dgrad_w;
    return {
        seed,
        random::stream_id{static_cast<std::uint32_t>(role), layer, step, is_transposed}.value()};
  }
};

namespace detail {

/// A quantizer of this type that draws from `source` where it draws at all.
template <class Quantizer>
[[nodiscard]] constexpr Quantizer keyed(random::philox4x32<> source) noexcept {
  Quantizer q{};
  if constexpr (Quantizer::rounding_type::is_stochastic) q.rounding.source = source;
  return q;
}

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

/// Makes an operand from a high-precision matrix.
template <class Operand, class In, class Parallel>
[[nodiscard]] stored_operand<Operand> make_operand(In const& in, random::philox4x32<> source,
                                                   error_report* report, Parallel const& parallel) {
  if constexpr (Operand::is_quantized) {
    auto const q = keyed<typename Operand::quantizer>(source);
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

/// out = A B^T + beta out. bf16 operands: FP32 sums in fast mode, FP64 sums in increasing k
/// otherwise (products of bf16 are exact in FP64, so fusing cannot change them).
template <product Mode, class A, class B, class Out, class Parallel>
void multiply_operands(stored_operand<A> const& a, stored_operand<B> const& b, Out const& out,
                       float beta, Parallel const& parallel) {
  epilogue const e{.beta = beta};
  if constexpr (A::is_quantized) {
    using scale_a = typename A::quantizer::scale_type;
    using scale_b = typename B::quantizer::scale_type;
    constexpr bool is_e4m3 = std::is_same_v<scale_a, fp8_e4m3> && std::is_same_v<scale_b, fp8_e4m3>;
    constexpr product mode = Mode == product::exact && !is_e4m3 ? product::ordered : Mode;
    matmul<mode>(a.matrix.view(), typename A::quantizer{}, b.matrix.view(), typename B::quantizer{},
                 out, e, parallel);
  } else {
    using Real = std::conditional_t<Mode == product::fast, float, double>;
    matmul_panels(
        to_panels<Real, tile_rows>(a, parallel), to_panels<Real, tile_columns<Real>>(b, parallel),
        [](matrix_index, matrix_index) { return 1.0f; }, out, e, parallel);
  }
}

}  // namespace detail

/// The products of y = x W^T and of its gradients under a recipe.
///
/// shape   x: tokens x inputs, W: outputs x inputs, y: tokens x outputs; any strides.
/// rule    operands are quantized as Recipe says, from the tensors given; products as Mode says
///         (exact turns to ordered where a format has no exact sum). Between forward and backward
///         it keeps codes only: of x along tokens and of W along outputs.
/// errors  std::invalid_argument for shapes that do not fit or a backward without a forward,
///         std::runtime_error as quantize.
/// bits    with exact or ordered products: identical on every machine, for any number of threads.
template <class Recipe, product Mode = product::fast>
class linear {
 public:
  using recipe_type = Recipe;

  /// y = x W^T.
  template <class X, class W, class Y, class Parallel = threads>
  void forward(X const& x, W const& w, Y const& y, layer_key key, Parallel const& parallel = {}) {
    auto const fprop_w = fprop(x, w, y, key, parallel);
    wgrad_x_ = make<typename Recipe::wgrad_x>(transposed(x), key, operand_role::wgrad_x, parallel);
    if constexpr (Recipe::dgrad_w::from == operand_source::forward) {
      dgrad_w_.matrix = transpose_tiles<typename Recipe::dgrad_w::quantizer>(fprop_w.matrix.view());
    } else {
      dgrad_w_ =
          make<typename Recipe::dgrad_w>(transposed(w), key, operand_role::dgrad_w, parallel);
    }
    has_forward_ = true;
  }

  /// y = x W^T where no backward follows: the same y, and nothing is kept or forgotten.
  template <class X, class W, class Y, class Parallel = threads>
  void infer(X const& x, W const& w, Y const& y, layer_key key,
             Parallel const& parallel = {}) const {
    static_cast<void>(fprop(x, w, y, key, parallel));
  }

  /// dx = dy W and dW += dy^T x, for the x and W of the last forward.
  template <class Dy, class Dx, class Dw, class Parallel = threads>
  void backward(Dy const& dy, Dx const& dx, Dw const& dw, layer_key key,
                Parallel const& parallel = {}) {
    detail::require(has_forward_, "nibble::linear::backward: got no forward before it");
    detail::require(dx.extent(0) == dy.extent(0) && dx.extent(1) == dgrad_w_.rows() &&
                        dw.extent(0) == dy.extent(1) && dw.extent(1) == wgrad_x_.rows() &&
                        dgrad_w_.columns() == dy.extent(1),
                    "nibble::linear::backward: got dy " +
                        detail::shape_text(dy.extent(0), dy.extent(1)) + ", dx " +
                        detail::shape_text(dx.extent(0), dx.extent(1)) + ", dW " +
                        detail::shape_text(dw.extent(0), dw.extent(1)) +
                        "; need the shapes of y, x and W of the last forward");
    auto const dgrad_dy =
        make<typename Recipe::dgrad_dy>(dy, key, operand_role::dgrad_dy, parallel);
    detail::multiply_operands<Mode>(dgrad_dy, dgrad_w_, dx, 0.0f, parallel);
    auto const wgrad_dy =
        make<typename Recipe::wgrad_dy>(transposed(dy), key, operand_role::wgrad_dy, parallel);
    detail::multiply_operands<Mode>(wgrad_dy, wgrad_x_, dw, 1.0f, parallel);
  }

  /// Where to add up the quantization errors of the operands, by role; null: they are not measured.
  void watch(error_report (*reports)[6]) noexcept { reports_ = reports; }

 private:
  /// Writes y; returns the weights as they were multiplied, which dgrad may want.
  template <class X, class W, class Y, class Parallel>
  [[nodiscard]] auto fprop(X const& x, W const& w, Y const& y, layer_key key,
                           Parallel const& parallel) const {
    detail::require(
        x.extent(1) == w.extent(1) && y.extent(0) == x.extent(0) && y.extent(1) == w.extent(0),
        "nibble::linear: got x " + detail::shape_text(x.extent(0), x.extent(1)) + ", W " +
            detail::shape_text(w.extent(0), w.extent(1)) + ", y " +
            detail::shape_text(y.extent(0), y.extent(1)) +
            "; need tokens x inputs, outputs x inputs, tokens x outputs");
    auto const fprop_x = make<typename Recipe::fprop_x>(x, key, operand_role::fprop_x, parallel);
    auto fprop_w = make<typename Recipe::fprop_w>(w, key, operand_role::fprop_w, parallel);
    detail::multiply_operands<Mode>(fprop_x, fprop_w, y, 0.0f, parallel);
    return fprop_w;
  }

  template <class Operand, class In, class Parallel>
  [[nodiscard]] auto make(In const& in, layer_key key, operand_role role,
                          Parallel const& parallel) const {
    error_report* const report =
        reports_ == nullptr ? nullptr : &(*reports_)[static_cast<std::size_t>(role)];
    return detail::make_operand<Operand>(in, key.source(role), report, parallel);
  }

  detail::stored_operand<typename Recipe::wgrad_x> wgrad_x_;
  detail::stored_operand<typename Recipe::dgrad_w> dgrad_w_;
  error_report (*reports_)[6] = nullptr;
  bool has_forward_ = false;
};

}  // namespace nibble
