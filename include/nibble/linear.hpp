// SPDX-License-Identifier: Apache-2.0
// A linear layer's three products under a recipe: fprop, dgrad and wgrad on the host.
#pragma once

#include "nibble/detail/host_linear.hpp"
#include "nibble/hot_channels.hpp"
#include "nibble/layer_key.hpp"
#include "nibble/mean_split.hpp"
#include "nibble/transpose.hpp"

namespace nibble {

/// The products of y = x W^T and of its gradients under a recipe.
///
/// shape   x: tokens x inputs, W: outputs x inputs, y: tokens x outputs; any strides.
/// rule    operands are quantized as Recipe says, from the tensors given or from earlier codes;
///         products as Mode says (exact turns to ordered where a format has no exact sum). Between
///         forward and backward it keeps codes only: of x along tokens and of W along outputs (and
///         gradient factors, where the recipe has a rule). A recipe that splits the mean quantizes x
///         and dy less the means of their columns, mu and nu, and adds W mu to every row of y, nu W
///         to every row of dx, and tokens * nu mu^T to dW. Hot channels are a second product, added
///         to y.
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
    with_mean_split(x, parallel, [&](auto const& rest, std::vector<float> const& means) {
      auto const made = fprop(rest, w, y, key, parallel);
      if constexpr (Recipe::splits_mean)
        add_rank_one(y, 1, {}, times_rows(w, means, parallel), parallel);
      make_again<typename Recipe::wgrad_x, typename Recipe::fprop_x>(
          wgrad_x_, made.x, rest, key, operand_role::fprop_x, operand_role::wgrad_x, parallel);
      make_again<typename Recipe::dgrad_w, typename Recipe::fprop_w>(
          dgrad_w_, made.w, w, key, operand_role::fprop_w, operand_role::dgrad_w, parallel);
      if constexpr (!Recipe::x_gradient::passes_all) {
        x_factors_ = detail::gradient_factors<typename Recipe::x_gradient>(rest, made.x);
      }
      if constexpr (!Recipe::w_gradient::passes_all) {
        w_factors_ = detail::gradient_factors<typename Recipe::w_gradient>(w, made.w);
      }
      if constexpr (Recipe::splits_mean) {
        x_means_ = means;
        w_ = copied(w);
      }
    });
    tokens_ = x.extent(0);
    inputs_ = x.extent(1);
    outputs_ = w.extent(0);
    has_forward_ = true;
  }

  /// y = x W^T where no backward follows: the same y, and nothing is kept or forgotten.
  template <class X, class W, class Y, class Parallel = threads>
  void infer(X const& x, W const& w, Y const& y, layer_key key,
             Parallel const& parallel = {}) const {
    with_mean_split(x, parallel, [&](auto const& rest, std::vector<float> const& means) {
      static_cast<void>(fprop(rest, w, y, key, parallel));
      if constexpr (Recipe::splits_mean)
        add_rank_one(y, 1, {}, times_rows(w, means, parallel), parallel);
    });
  }

  /// dx = dy W and dW += dy^T x, for the x and W of the last forward.
  template <class Dy, class Dx, class Dw, class Parallel = threads>
  void backward(Dy const& dy, Dx const& dx, Dw const& dw, layer_key key,
                Parallel const& parallel = {}) {
    detail::require(has_forward_, "nibble::linear::backward: got no forward before it");
    detail::require(has_extents(dy, tokens_, outputs_) && has_extents(dx, tokens_, inputs_) &&
                        has_extents(dw, outputs_, inputs_),
                    "nibble::linear::backward: got dy " +
                        detail::shape_text(dy.extent(0), dy.extent(1)) + ", dx " +
                        detail::shape_text(dx.extent(0), dx.extent(1)) + ", dW " +
                        detail::shape_text(dw.extent(0), dw.extent(1)) +
                        "; need the shapes of y, x and W of the last forward");
    with_mean_split(dy, parallel, [&](auto const& rest, std::vector<float> const& means) {
      auto const dgrad_dy =
          make<typename Recipe::dgrad_dy>(rest, key, operand_role::dgrad_dy, parallel);
      detail::multiply_operands<Mode>(dgrad_dy, dgrad_w_, dx, 0.0f, parallel);
      detail::stored_operand<typename Recipe::wgrad_dy> wgrad_dy;
      make_again<typename Recipe::wgrad_dy, typename Recipe::dgrad_dy>(
          wgrad_dy, dgrad_dy, rest, key, operand_role::dgrad_dy, operand_role::wgrad_dy, parallel);
      if constexpr (Recipe::w_gradient::passes_all) {
        detail::multiply_operands<Mode>(wgrad_dy, wgrad_x_, dw, 1.0f, parallel);
      } else {  // the rule is for this gradient alone, not for what dW held before
        detail::float_matrix fresh{std::vector<float>(w_factors_.size()), dw.extent(0),
                                   dw.extent(1)};
        detail::multiply_operands<Mode>(wgrad_dy, wgrad_x_, fresh.view(), 0.0f, parallel);
        detail::scale_by(fresh.view(), w_factors_);
        for (matrix_index i = 0; i < dw.extent(0); ++i) {
          for (matrix_index j = 0; j < dw.extent(1); ++j) {
            dw(i, j) = static_cast<std::remove_cv_t<typename Dw::value_type>>(
                detail::canonical(arch::add(static_cast<float>(dw(i, j)), fresh.view()(i, j))));
          }
        }
      }
      if constexpr (Recipe::splits_mean) {
        add_rank_one(dx, 1, {}, times_rows(transposed(w_.view()), means, parallel), parallel);
        add_rank_one(dw, static_cast<float>(dy.extent(0)), means, x_means_, parallel);
      }
    });
    if constexpr (!Recipe::x_gradient::passes_all) detail::scale_by(dx, x_factors_);
  }

  /// Where to add up the quantization errors of the operands, by role; null: they are not measured.
  void watch(error_report (*reports)[6]) noexcept { reports_ = reports; }

 private:
  struct forward_operands {
    detail::stored_operand<typename Recipe::fprop_x> x;
    detail::stored_operand<typename Recipe::fprop_w> w;
  };

  template <class Matrix>
  [[nodiscard]] static bool has_extents(Matrix const& m, matrix_index rows,
                                        matrix_index columns) noexcept {
    return m.extent(0) == rows && m.extent(1) == columns;
  }

  /// Writes y; returns the operands as they were multiplied, which the backward products may want.
  template <class X, class W, class Y, class Parallel>
  [[nodiscard]] forward_operands fprop(X const& x, W const& w, Y const& y, layer_key key,
                                       Parallel const& parallel) const {
    detail::require(
        x.extent(1) == w.extent(1) && y.extent(0) == x.extent(0) && y.extent(1) == w.extent(0),
        "nibble::linear: got x " + detail::shape_text(x.extent(0), x.extent(1)) + ", W " +
            detail::shape_text(w.extent(0), w.extent(1)) + ", y " +
            detail::shape_text(y.extent(0), y.extent(1)) +
            "; need tokens x inputs, outputs x inputs, tokens x outputs");
    using channels = typename Recipe::channels;
    auto fprop_w = make<typename Recipe::fprop_w>(w, key, operand_role::fprop_w, parallel);
    if constexpr (channels::percent == 0) {
      auto fprop_x = make<typename Recipe::fprop_x>(x, key, operand_role::fprop_x, parallel);
      detail::multiply_operands<Mode>(fprop_x, fprop_w, y, 0.0f, parallel);
      return {std::move(fprop_x), std::move(fprop_w)};
    } else {
      auto const hot = hot_channels(x, channels::percent, parallel);
      auto const width = static_cast<matrix_index>(hot.size());
      detail::float_matrix main = copied(x), apart{gathered(x, hot), x.extent(0), width};
      if constexpr (!channels::is_residual) main.values = without(x, hot);
      auto fprop_x =
          make<typename Recipe::fprop_x>(main.view(), key, operand_role::fprop_x, parallel);
      detail::multiply_operands<Mode>(fprop_x, fprop_w, y, 0.0f, parallel);
      if constexpr (channels::is_residual) {
        auto const back = detail::decoded(
            fprop_x, x.extent(1),
            keyed<typename Recipe::fprop_x::quantizer>(key, operand_role::fprop_x), parallel);
        auto const kept = gathered(back.view(), hot);
        for (std::size_t i = 0; i < kept.size(); ++i) {
          apart.values[i] = arch::subtract(apart.values[i], kept[i]);
        }
      }
      detail::float_matrix const w_apart{gathered(w, hot), w.extent(0), width};
      using high = typename channels::high;
      detail::multiply_operands<Mode>(
          make<high>(apart.view(), key, operand_role::fprop_x, parallel),
          make<high>(w_apart.view(), key, operand_role::fprop_w, parallel), y, 1.0f, parallel);
      return {std::move(fprop_x), std::move(fprop_w)};
    }
  }

  /// Makes the operand of a later product: from its tensor, or from the codes of the earlier one.
  template <class Operand, class Earlier, class In, class Parallel>
  void make_again(detail::stored_operand<Operand>& result,
                  detail::stored_operand<Earlier> const& earlier, In const& in, layer_key key,
                  operand_role before, operand_role role, Parallel const& parallel) const {
    if constexpr (Operand::from == operand_source::forward) {
      result.matrix = transpose_tiles<typename Operand::quantizer>(earlier.matrix.view());
    } else if constexpr (Operand::from == operand_source::requantized) {
      auto const back = detail::decoded(earlier, in.extent(1),
                                        keyed<typename Earlier::quantizer>(key, before), parallel);
      result = make<Operand>(transposed(back.view()), key, role, parallel);
    } else {
      result = make<Operand>(transposed(in), key, role, parallel);
    }
  }

  template <class Operand, class In, class Parallel>
  [[nodiscard]] auto make(In const& in, layer_key key, operand_role role,
                          Parallel const& parallel) const {
    error_report* const report =
        reports_ == nullptr ? nullptr : &(*reports_)[static_cast<std::size_t>(role)];
    if constexpr (Operand::is_quantized) {
      return detail::make_operand<Operand>(in, keyed<typename Operand::quantizer>(key, role),
                                           report, parallel);
    } else {
      return detail::make_operand<Operand>(in, 0, report, parallel);
    }
  }

  /// Calls body(matrix, means): the matrix as it is and no means, or its rows less their mean.
  template <class In, class Parallel, class Body>
  static void with_mean_split(In const& in, Parallel const& parallel, Body const& body) {
    if constexpr (Recipe::splits_mean) {
      auto const means = column_means(in, parallel);
      detail::float_matrix const rest{centered(in, means, parallel), in.extent(0), in.extent(1)};
      body(rest.view(), means);
    } else {
      body(in, std::vector<float>());
    }
  }

  template <class In>
  [[nodiscard]] static detail::float_matrix copied(In const& in) {
    return {without(in, {}), in.extent(0), in.extent(1)};
  }

  detail::stored_operand<typename Recipe::wgrad_x> wgrad_x_;
  detail::stored_operand<typename Recipe::dgrad_w> dgrad_w_;
  std::vector<float> x_factors_, w_factors_;  // of gradient rules other than straight_through
  std::vector<float> x_means_;                // of a recipe that splits the mean
  detail::float_matrix w_;
  error_report (*reports_)[6] = nullptr;
  bool has_forward_ = false;
  matrix_index tokens_ = 0, inputs_ = 0, outputs_ = 0;  // of the last forward
};

}  // namespace nibble
