// SPDX-License-Identifier: Apache-2.0
// What a linear layer on the device has in memory under a recipe: from forward to backward, and
// within a call.
#pragma once

#include "nibble/device/hot_channels.cuh"
#include "nibble/device/layer_operand.cuh"
#include "nibble/device/mean_split.cuh"

namespace nibble::device {

/// The extents of a linear layer's call.
struct linear_shape {
  matrix_index tokens;
  matrix_index inputs;
  matrix_index outputs;
};

namespace detail {

/// What lasts from forward to backward.
template <class Recipe, product Mode>
struct kept_operands {
  layer_operand<typename Recipe::wgrad_x, Mode> x;
  layer_operand<typename Recipe::dgrad_w, Mode> w;
  float *x_factors, *w_factors;  // of gradient rules other than straight_through
  float *x_means, *weights;      // of a recipe that splits the mean

  kept_operands(arena& memory, linear_shape s) noexcept
      : x(memory, s.inputs, s.tokens),
        w(memory, s.inputs, s.outputs),
        x_factors(memory.take<float>(Recipe::x_gradient::passes_all ? 0 : s.tokens * s.inputs)),
        w_factors(memory.take<float>(Recipe::w_gradient::passes_all ? 0 : s.outputs * s.inputs)),
        x_means(memory.take<float>(Recipe::splits_mean ? s.inputs : 0)),
        weights(memory.take<float>(Recipe::splits_mean ? s.outputs * s.inputs : 0)) {}
};

/// What a forward works in. is_decoded: will its products be of bf16?
template <class Recipe, product Mode>
struct forward_operands {
  static constexpr bool needs_x = Recipe::wgrad_x::from != operand_source::fresh ||
                                  !Recipe::x_gradient::passes_all || Recipe::channels::percent > 0;
  static constexpr bool needs_w =
      Recipe::dgrad_w::from != operand_source::fresh || !Recipe::w_gradient::passes_all;

  layer_operand<typename Recipe::fprop_x, Mode, needs_x> x;
  layer_operand<typename Recipe::fprop_w, Mode, needs_w> w;
  split_step<Recipe::splits_mean> split;
  channel_step<Recipe, Mode> channels;
  float* floats;  // of an operand that is made of earlier codes

  forward_operands(arena& memory, linear_shape s, bool is_decoded = false) noexcept
      : x(memory, s.tokens, s.inputs, is_decoded),
        w(memory, s.outputs, s.inputs, is_decoded),
        split(memory, s.tokens, s.inputs, s.outputs),
        channels(memory, s.tokens, s.inputs, s.outputs),
        floats(memory.take<float>(
            larger(floats_for<typename Recipe::wgrad_x>(s.tokens * s.inputs),
                   floats_for<typename Recipe::dgrad_w>(s.outputs * s.inputs)))) {}

 private:
  [[nodiscard]] static matrix_index larger(matrix_index a, matrix_index b) noexcept {
    return a > b ? a : b;
  }
};

/// What a backward works in.
template <class Recipe, product Mode>
struct backward_operands {
  static constexpr bool needs_dgrad = Recipe::wgrad_dy::from != operand_source::fresh;

  layer_operand<typename Recipe::dgrad_dy, Mode, needs_dgrad> dgrad;
  layer_operand<typename Recipe::wgrad_dy, Mode, false> wgrad;
  split_step<Recipe::splits_mean> split;
  float *floats, *fresh;  // fresh: dW before its rule

  backward_operands(arena& memory, linear_shape s, bool is_decoded = false) noexcept
      : dgrad(memory, s.tokens, s.outputs, is_decoded),
        wgrad(memory, s.outputs, s.tokens, is_decoded),
        split(memory, s.tokens, s.outputs, s.inputs),
        floats(memory.take<float>(floats_for<typename Recipe::wgrad_dy>(s.tokens * s.outputs))),
        fresh(memory.take<float>(Recipe::w_gradient::passes_all ? 0 : s.outputs * s.inputs)) {}
};

}  // namespace detail

}  // namespace nibble::device
