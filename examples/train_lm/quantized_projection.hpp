// SPDX-License-Identifier: Apache-2.0
// A projection that calculates as a nibble recipe says: the place where the library enters the
// model. All it does is to show Eigen's matrices to nibble::linear as views, and to name the random
// numbers by layer and step.
#pragma once

#include <memory>
#include <type_traits>

#include "nibble/linear.hpp"
#include "nibble/recipes/bf16.hpp"
#include "train_lm/operand_statistics.hpp"
#include "train_lm/projection.hpp"

namespace train_lm {

/// The example's thread pool as nibble's loops call it: with a size, a grain and a range.
class nibble_parallel {
 public:
  explicit nibble_parallel(parallel_for const& pool) : pool_{pool} {}

  template <class Body>
  void operator()(std::int64_t size, std::int64_t grain, Body const& body) const {
    pool_((size + grain - 1) / grain,
          [&](extent piece) { body(piece * grain, std::min(size, (piece + 1) * grain)); });
  }

 private:
  parallel_for const& pool_;
};

/// An Eigen matrix as nibble sees one; nothing is copied.
template <class Real>
nibble::matrix_view<Real> view_of(matrix<Real>& of) {
  cuda::std::span<Real> const values{of.data(), static_cast<std::size_t>(of.size())};
  return *nibble::make_matrix_view(values, of.rows(), of.cols());
}
template <class Real>
nibble::matrix_view<Real const> view_of(matrix<Real> const& of) {
  cuda::std::span<Real const> const values{of.data(), static_cast<std::size_t>(of.size())};
  return *nibble::make_matrix_view(values, of.rows(), of.cols());
}

/// y = x W^T with the operands that Recipe quantizes, summed as Mode says. The master weights and
/// their gradient stay in the scalar type: rounding is passed straight through.
template <class Real, class Recipe, nibble::product Mode>
class quantized_projection final : public projection<Real> {
 public:
  /// layer: a number of its own in the model; statistics: where to count, or null.
  quantized_projection(parameter<Real>& weight, std::uint32_t layer,
                       std::shared_ptr<operand_statistics> statistics = nullptr)
      : weight_{weight}, layer_{layer}, statistics_{std::move(statistics)} {}

  void forward(matrix<Real> const& x, matrix<Real>& y, step_context const& context) override {
    y.resize(x.rows(), weight_.value.rows());
    matrix<Real> const& weight = weight_.value;
    nibble_parallel const parallel{context.parallel};
    watch(context);
    if (context.training) {
      linear_.forward(view_of(x), view_of(weight), view_of(y), key(context), parallel);
    } else {
      linear_.infer(view_of(x), view_of(weight), view_of(y), key(context), parallel);
    }
  }

  void backward(matrix<Real> const& dy, matrix<Real>& dx, step_context const& context) override {
    dx.resize(dy.rows(), weight_.value.cols());
    watch(context);
    linear_.backward(view_of(dy), view_of(dx), view_of(weight_.gradient), key(context),
                     nibble_parallel{context.parallel});
  }

 private:
  nibble::layer_key key(step_context const& context) const {
    return {context.seed, layer_, context.step};
  }

  void watch(step_context const& context) {
    bool const looks =
        statistics_ != nullptr && context.training && context.step % statistics_->every == 0;
    linear_.watch(looks ? &statistics_->by_role : nullptr);
  }

  parameter<Real>& weight_;
  std::uint32_t layer_;
  std::shared_ptr<operand_statistics> statistics_;
  nibble::linear<Recipe, Mode> linear_;
};

/// Where nibble's plans see a projection.
inline nibble::layer_place place_in_plan(projection_place const& place) {
  using nibble::layer_role;
  static constexpr std::pair<std::string_view, layer_role> roles[] = {
      {"attention.qkv", layer_role::attention_qkv}, {"attention.out", layer_role::attention_out},
      {"ffn.w1", layer_role::feed_forward_up},      {"ffn.w2", layer_role::feed_forward_down},
      {"mamba.in_proj", layer_role::mamba_in},      {"mamba.out_proj", layer_role::mamba_out}};
  nibble::layer_place result{layer_role::other, static_cast<int>(place.block),
                             static_cast<int>(place.blocks)};
  for (auto const& [name, role] : roles) {
    if (name == place.role) result.role = role;
  }
  return result;
}

/// A projection that changes its precision in the course of a run: made for each, the one that the
/// plan names is used.
template <class Real>
class switching_projection final : public projection<Real> {
 public:
  using owned = std::unique_ptr<projection<Real>>;

  switching_projection(nibble::precision_plan const& plan, owned before, owned after)
      : plan_{plan}, before_{std::move(before)}, after_{std::move(after)} {}

  void forward(matrix<Real> const& x, matrix<Real>& y, step_context const& context) override {
    at(context).forward(x, y, context);
  }
  void backward(matrix<Real> const& dy, matrix<Real>& dx, step_context const& context) override {
    at(context).backward(dy, dx, context);
  }

 private:
  projection<Real>& at(step_context const& context) const {
    return plan_.has_switched(
               {static_cast<std::int64_t>(context.step), static_cast<std::int64_t>(context.steps)})
               ? *after_
               : *before_;
  }

  nibble::precision_plan plan_;
  owned before_, after_;
};

namespace quantized_projection_detail {

/// A recipe's second recipe, or itself where it has none.
template <class Recipe>
struct second_of {
  using type = Recipe;
};
template <class Recipe>
requires requires { typename Recipe::second; }
struct second_of<Recipe> {
  using type = typename Recipe::second;
};

}  // namespace quantized_projection_detail

/// Projections under a recipe; layers that its plan keeps in high precision become bf16, at once or
/// when the plan says.
template <class Recipe, nibble::product Mode, class Real = float>
projection_factory<Real> quantized_projections(
    std::shared_ptr<operand_statistics> statistics = nullptr) {
  return [statistics](projection_place const& place,
                      parameter<Real>& weight) -> std::unique_ptr<projection<Real>> {
    using nibble::layer_precision;
    using bf16 = nibble::recipes::bf16;
    using second = typename quantized_projection_detail::second_of<Recipe>::type;
    nibble::layer_place const where = place_in_plan(place);
    // A block has at most one projection of a role.
    auto const layer = static_cast<std::uint32_t>(where.block * 8 + static_cast<int>(where.role));
    auto const under = [&]<class Chosen>(Chosen) -> std::unique_ptr<projection<Real>> {
      bool const counts = !std::is_same_v<Chosen, bf16>;
      return std::make_unique<quantized_projection<Real, Chosen, Mode>>(
          weight, layer, counts ? statistics : nullptr);
    };
    layer_precision const first = Recipe::plan.at(where);
    if (first == layer_precision::all_in_16) return under(bf16{});
    auto made = first == layer_precision::second ? under(second{}) : under(Recipe{});
    if constexpr (Recipe::plan.switch_percent < 100) {
      if constexpr (Recipe::plan.switches_forward_only) {
        return std::make_unique<switching_projection<Real>>(
            Recipe::plan, std::move(made), under(nibble::with_bf16_forward<Recipe>{}));
      } else {
        return std::make_unique<switching_projection<Real>>(Recipe::plan, std::move(made),
                                                            under(bf16{}));
      }
    }
    return made;
  };
}

}  // namespace train_lm
