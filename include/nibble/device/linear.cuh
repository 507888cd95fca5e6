// SPDX-License-Identifier: Apache-2.0
// A linear layer's three products under a recipe on the device, without a round trip to the host:
// the bytes of nibble::linear.
#pragma once

#include "nibble/device/gradient_rule.cuh"
#include "nibble/device/layer_memory.cuh"

namespace nibble::device {

/// The products of y = x W^T and of its gradients under a recipe, asynchronous on a stream.
///
/// shape   x: tokens x inputs, W: outputs x inputs, y: tokens x outputs; float, bf16 or fp16, any
///         strides. kept: kept_bytes(), untouched from forward to backward. scratch:
///         workspace_bytes(), of which nothing lasts beyond the call's work on the stream: layers on
///         one stream can share it.
/// rule    as nibble::linear: operands are quantized as Recipe says, products as Mode says. Between
///         forward and backward it keeps codes only: of x along tokens and of W along outputs; beside
///         them a float for every gradient that a rule multiplies, and W as floats where a recipe
///         splits the mean.
/// errors  shape_mismatch, no_forward, workspace_too_small; those of quantize and matmul. Allocates
///         nothing, can be captured in a graph, which then draws the random numbers of the key that
///         it was captured with.
/// bits    with exact or ordered products: those of nibble::linear. Operands are the same bytes in
///         every mode.
template <class Recipe, product Mode = product::fast>
class linear {
 public:
  using recipe_type = Recipe;

  explicit linear(linear_shape shape) noexcept : shape_(shape) {}

  /// What must last from forward to backward.
  [[nodiscard]] std::size_t kept_bytes() const noexcept {
    detail::arena memory;
    kept_operands const counted(memory, shape_);
    return memory.used();
  }

  /// What a call works in. `is_strided`: y, dx or dW have gaps between the elements of a row, or are
  /// neither float nor bf16, so that fast products cannot be written in place.
  [[nodiscard]] std::size_t workspace_bytes(cublas::handle const& handle,
                                            bool is_strided = false) const noexcept {
    std::size_t bytes = 0;
    auto const count = [&](auto const& a, auto const& b, detail::arena const& memory) {
      std::size_t const product =
          detail::operands_workspace<Mode>(handle, a, b, is_strided) + memory.used();
      if (product > bytes) bytes = product;
    };
    detail::arena none;
    kept_operands const kept(none, shape_);
    detail::arena forward, backward;
    forward_operands const f(forward, shape_, !handle.multiplies_nvfp4());
    backward_operands const b(backward, shape_, !handle.multiplies_nvfp4());
    count(f.x, f.w, forward);
    if constexpr (has_channels) count(f.channels.x, f.channels.w, forward);
    count(b.dgrad, kept.w, backward);
    count(b.wgrad, kept.x, backward);
    return bytes;
  }

  /// y = x W^T.
  template <class X, class W, class Y>
  status forward(cublas::handle const& handle, ::cuda::stream_ref stream, workspace const& scratch,
                 workspace const& kept, X const& x, W const& w, Y const& y, layer_key key) {
    detail::arena kept_memory(kept);
    kept_operands k(kept_memory, shape_);
    if (!kept_memory.fits(kept)) return status::workspace_too_small;
    has_forward_ = false;
    status const s = multiply_forward(handle, stream, scratch, x, w, y, key, &k);
    has_forward_ = s == status::success;
    return s;
  }

  /// y = x W^T where no backward follows: the same y, and nothing is kept or forgotten.
  template <class X, class W, class Y>
  status infer(cublas::handle const& handle, ::cuda::stream_ref stream, workspace const& scratch,
               X const& x, W const& w, Y const& y, layer_key key) const {
    return multiply_forward(handle, stream, scratch, x, w, y, key, nullptr);
  }

  /// dx = dy W and dW += dy^T x, for the x and W of the last forward.
  template <class Dy, class Dx, class Dw>
  status backward(cublas::handle const& handle, ::cuda::stream_ref stream, workspace const& scratch,
                  workspace const& kept, Dy const& dy, Dx const& dx, Dw const& dw, layer_key key) {
    if (!has_forward_) return status::no_forward;
    if (!has_shape(dy, shape_.tokens, shape_.outputs) ||
        !has_shape(dx, shape_.tokens, shape_.inputs) ||
        !has_shape(dw, shape_.outputs, shape_.inputs)) {
      return status::shape_mismatch;
    }
    detail::arena kept_memory(kept), memory(scratch);
    kept_operands k(kept_memory, shape_);
    backward_operands b(memory, shape_, !handle.multiplies_nvfp4());
    if (!kept_memory.fits(kept) || !memory.fits(scratch)) return status::workspace_too_small;
    workspace const rest = memory.rest(scratch);
    status s = b.split.run(stream, dy, b.split.own_means, [&](auto const& in) {
      status made = detail::make_pair(stream, in, b.dgrad, b.wgrad, b.floats, key,
                                      operand_role::dgrad_dy, operand_role::wgrad_dy);
      if (made != status::success) return made;
      made = detail::multiply_operands<Mode>(handle, stream, rest, b.dgrad, k.w, dx, 0.0f);
      if (made != status::success) return made;
      if constexpr (Recipe::w_gradient::passes_all) {
        return detail::multiply_operands<Mode>(handle, stream, rest, b.wgrad, k.x, dw, 1.0f);
      } else {  // the rule is for this gradient alone, not for what dW held before
        auto const fresh = weights_at(b.fresh);
        made = detail::multiply_operands<Mode>(handle, stream, rest, b.wgrad, k.x, fresh, 0.0f);
        return made == status::success ? detail::add_scaled(stream.get(), dw, b.fresh, k.w_factors)
                                       : made;
      }
    });
    if constexpr (Recipe::splits_mean) {
      if (s != status::success) return s;
      s = b.split.add_back(stream, transposed(weights_at(k.weights)), b.split.own_means, dx);
      if (s != status::success) return s;
      s = add_rank_one(stream, dw, static_cast<float>(shape_.tokens),
                       {b.split.own_means, static_cast<std::size_t>(shape_.outputs)},
                       {k.x_means, static_cast<std::size_t>(shape_.inputs)});
    }
    if constexpr (!Recipe::x_gradient::passes_all) {
      if (s == status::success) s = detail::scale_by(stream.get(), dx, k.x_factors);
    }
    return s;
  }

 private:
  using kept_operands = detail::kept_operands<Recipe, Mode>;
  using forward_operands = detail::forward_operands<Recipe, Mode>;
  using backward_operands = detail::backward_operands<Recipe, Mode>;
  static constexpr bool has_channels = Recipe::channels::percent > 0;

  template <class Matrix>
  [[nodiscard]] static bool has_shape(Matrix const& m, matrix_index rows,
                                      matrix_index columns) noexcept {
    return m.extent(0) == rows && m.extent(1) == columns;
  }

  template <class X, class W, class Y>
  status multiply_forward(cublas::handle const& handle, ::cuda::stream_ref stream,
                          workspace const& scratch, X const& x, W const& w, Y const& y,
                          layer_key key, kept_operands* kept) const {
    if (!has_shape(x, shape_.tokens, shape_.inputs) ||
        !has_shape(w, shape_.outputs, shape_.inputs) ||
        !has_shape(y, shape_.tokens, shape_.outputs)) {
      return status::shape_mismatch;
    }
    detail::arena memory(scratch);
    forward_operands f(memory, shape_, !handle.multiplies_nvfp4());
    if (!memory.fits(scratch)) return status::workspace_too_small;
    float* const means = kept != nullptr ? kept->x_means : f.split.own_means;
    workspace const rest = memory.rest(scratch);
    return f.split.run(stream, x, means, [&](auto const& in) {
      status s = make_forward(stream, in, w, f, key, kept);
      if (s != status::success) return s;
      s = detail::multiply_operands<Mode>(handle, stream, rest, f.x, f.w, y, 0.0f);
      if constexpr (has_channels) {
        if (s != status::success) return s;
        s = f.channels.multiply(handle, stream, rest, in, w, f.x, y, key);
      }
      if constexpr (Recipe::splits_mean) {
        if (s == status::success) s = f.split.add_back(stream, w, means, y);
      }
      return s == status::success && kept != nullptr ? keep_beside(stream, in, w, f, *kept) : s;
    });
  }

  /// fprop's operands, and where a backward follows those that are kept for it.
  template <class X, class W>
  status make_forward(::cuda::stream_ref stream, X const& x, W const& w, forward_operands& f,
                      layer_key key, kept_operands* kept) const {
    status s{};
    if constexpr (has_channels) {
      s = f.channels.separate(stream.get(), x, [&](auto const& main) {
        return detail::make_one(stream, main, f.x, key, operand_role::fprop_x);
      });
      if (s == status::success && kept != nullptr) {
        s = detail::make_later(stream, x, f.x, kept->x, f.floats, key, operand_role::fprop_x,
                               operand_role::wgrad_x);
      }
    } else if (kept != nullptr) {
      s = detail::make_pair(stream, x, f.x, kept->x, f.floats, key, operand_role::fprop_x,
                            operand_role::wgrad_x);
    } else {
      s = detail::make_one(stream, x, f.x, key, operand_role::fprop_x);
    }
    if (s != status::success) return s;
    return kept != nullptr ? detail::make_pair(stream, w, f.w, kept->w, f.floats, key,
                                               operand_role::fprop_w, operand_role::dgrad_w)
                           : detail::make_one(stream, w, f.w, key, operand_role::fprop_w);
  }

  /// What a backward needs beside codes: gradient factors, and W itself for the rank-one term.
  template <class X, class W>
  status keep_beside(::cuda::stream_ref stream, X const& x, W const& w, forward_operands const& f,
                     kept_operands const& kept) const {
    status s{};
    if constexpr (!Recipe::x_gradient::passes_all) {
      s = detail::gradient_factors<typename Recipe::x_gradient,
                                   typename Recipe::fprop_x::quantizer>(stream.get(), x, f.x.view,
                                                                        kept.x_factors);
      if (s != status::success) return s;
    }
    if constexpr (!Recipe::w_gradient::passes_all) {
      s = detail::gradient_factors<typename Recipe::w_gradient,
                                   typename Recipe::fprop_w::quantizer>(stream.get(), w, f.w.view,
                                                                        kept.w_factors);
      if (s != status::success) return s;
    }
    if constexpr (Recipe::splits_mean) {
      s = detail::copy_as_floats(stream.get(), w, weights_at(kept.weights));
    }
    return s;
  }

  [[nodiscard]] matrix_view<float> weights_at(float* data) const {
    return detail::matrix_at(data, shape_.outputs, shape_.inputs);
  }

  linear_shape shape_;
  bool has_forward_ = false;
};

}  // namespace nibble::device
