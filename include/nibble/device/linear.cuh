// SPDX-License-Identifier: Apache-2.0
// A linear layer's three products under a recipe on the device, without a round trip to the host:
// the bytes of nibble::linear.
#pragma once

#include "nibble/device/layer_operand.cuh"

namespace nibble::device {

/// The extents of a linear layer's call.
struct linear_shape {
  matrix_index tokens;
  matrix_index inputs;
  matrix_index outputs;
};

/// The products of y = x W^T and of its gradients under a recipe, asynchronous on a stream.
///
/// shape   x: tokens x inputs, W: outputs x inputs, y: tokens x outputs; float, bf16 or fp16, any
///         strides. kept: kept_bytes(), untouched from forward to backward. scratch:
///         workspace_bytes(), of which nothing lasts beyond the call's work on the stream: layers on
///         one stream can share it.
/// rule    as nibble::linear: operands are quantized as Recipe says, products as Mode says. Between
///         forward and backward it keeps codes only: of x along tokens and of W along outputs. A
///         recipe that splits means, mixes channels or has a gradient rule does not compile.
/// errors  shape_mismatch, no_forward, workspace_too_small; those of quantize and matmul. Allocates
///         nothing, can be captured in a graph, which then draws the random numbers of the key that
///         it was captured with.
/// bits    with exact or ordered products: those of nibble::linear. Operands are the same bytes in
///         every mode.
template <class Recipe, product Mode = product::fast>
class linear {
  static_assert(!Recipe::splits_mean && Recipe::channels::percent == 0 &&
                    Recipe::x_gradient::passes_all && Recipe::w_gradient::passes_all,
                "got a recipe that does more than quantize its operands; nibble::linear has those, "
                "device::linear has not");

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
    forward_operands const f(forward, shape_);
    backward_operands const b(backward, shape_);
    count(f.x, f.w, forward);
    count(b.dgrad, kept.w, backward);
    count(b.wgrad, kept.x, backward);
    return bytes;
  }

  /// y = x W^T.
  template <class X, class W, class Y>
  status forward(cublas::handle const& handle, ::cuda::stream_ref stream, workspace const& scratch,
                 workspace const& kept, X const& x, W const& w, Y const& y, layer_key key) {
    detail::arena kept_memory(kept);
    kept_operands const k(kept_memory, shape_);
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
    kept_operands const k(kept_memory, shape_);
    backward_operands const b(memory, shape_);
    if (!kept_memory.fits(kept) || !memory.fits(scratch)) return status::workspace_too_small;
    status s = detail::make_pair(stream, dy, b.dgrad, b.wgrad, b.floats, key,
                                 operand_role::dgrad_dy, operand_role::wgrad_dy);
    if (s != status::success) return s;
    s = detail::multiply_operands<Mode>(handle, stream, memory.rest(scratch), b.dgrad, k.w, dx,
                                        0.0f);
    if (s != status::success) return s;
    return detail::multiply_operands<Mode>(handle, stream, memory.rest(scratch), b.wgrad, k.x, dw,
                                           1.0f);
  }

 private:
  template <class Operand>
  using made = detail::layer_operand<Operand, Mode>;

  struct kept_operands {
    made<typename Recipe::wgrad_x> x;
    made<typename Recipe::dgrad_w> w;

    kept_operands(detail::arena& memory, linear_shape s) noexcept
        : x(memory, s.inputs, s.tokens), w(memory, s.inputs, s.outputs) {}
  };
  struct forward_operands {
    made<typename Recipe::fprop_x> x;
    made<typename Recipe::fprop_w> w;
    float* floats;  // of an operand that is made of earlier codes

    forward_operands(detail::arena& memory, linear_shape s) noexcept
        : x(memory, s.tokens, s.inputs),
          w(memory, s.outputs, s.inputs),
          floats(memory.take<float>(
              larger(detail::floats_for<typename Recipe::wgrad_x>(s.tokens * s.inputs),
                     detail::floats_for<typename Recipe::dgrad_w>(s.outputs * s.inputs)))) {}
  };
  struct backward_operands {
    made<typename Recipe::dgrad_dy> dgrad;
    made<typename Recipe::wgrad_dy> wgrad;
    float* floats;

    backward_operands(detail::arena& memory, linear_shape s) noexcept
        : dgrad(memory, s.tokens, s.outputs),
          wgrad(memory, s.outputs, s.tokens),
          floats(memory.take<float>(
              detail::floats_for<typename Recipe::wgrad_dy>(s.tokens * s.outputs))) {}
  };

  [[nodiscard]] static matrix_index larger(matrix_index a, matrix_index b) noexcept {
    return a > b ? a : b;
  }
  template <class Matrix>
  [[nodiscard]] static bool has_shape(Matrix const& m, matrix_index rows,
                                      matrix_index columns) noexcept {
    return m.extent(0) == rows && m.extent(1) == columns;
  }

  template <class X, class W, class Y>
  status multiply_forward(cublas::handle const& handle, ::cuda::stream_ref stream,
                          workspace const& scratch, X const& x, W const& w, Y const& y,
                          layer_key key, kept_operands const* kept) const {
    if (!has_shape(x, shape_.tokens, shape_.inputs) ||
        !has_shape(w, shape_.outputs, shape_.inputs) ||
        !has_shape(y, shape_.tokens, shape_.outputs)) {
      return status::shape_mismatch;
    }
    detail::arena memory(scratch);
    forward_operands const f(memory, shape_);
    if (!memory.fits(scratch)) return status::workspace_too_small;
    status s{};
    if (kept != nullptr) {
      s = detail::make_pair(stream, x, f.x, kept->x, f.floats, key, operand_role::fprop_x,
                            operand_role::wgrad_x);
      if (s == status::success) {
        s = detail::make_pair(stream, w, f.w, kept->w, f.floats, key, operand_role::fprop_w,
                              operand_role::dgrad_w);
      }
    } else {
      s = detail::make_one(stream, x, f.x, key, operand_role::fprop_x);
      if (s == status::success) s = detail::make_one(stream, w, f.w, key, operand_role::fprop_w);
    }
    if (s != status::success) return s;
    return detail::multiply_operands<Mode>(handle, stream, memory.rest(scratch), f.x, f.w, y, 0.0f);
  }

  linear_shape shape_;
  bool has_forward_ = false;
};

}  // namespace nibble::device
