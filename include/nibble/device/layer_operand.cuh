// SPDX-License-Identifier: Apache-2.0
// The operands of a linear layer's products on the device: made as a recipe says, in memory that is
// given, and multiplied in pairs.
#pragma once

#include "nibble/device/dequantize.cuh"
#include "nibble/device/matmul.cuh"
#include "nibble/device/quantize_both.cuh"
#include "nibble/device/transpose.cuh"
#include "nibble/linear.hpp"

namespace nibble::device::detail {

/// Scales in the order that Blackwell multiplies, where its product may be the one that is used.
template <class Quantizer, product Mode>
using operand_layout =
    std::conditional_t<Mode == product::fast &&
                           std::is_same_v<typename Quantizer::block_type, nvfp4_block>,
                       layout::scale_tile_128x4, ::cuda::std::layout_right>;

/// An operand as a product wants it: codes, or bf16 values.
template <class Operand, product Mode>
struct layer_operand {
  using quantizer = typename Operand::quantizer;
  using scale_layout = operand_layout<quantizer, Mode>;
  using view_type = quantized_view<typename quantizer::block_type, scale_layout>;
  static constexpr operand_source from = Operand::from;
  static constexpr bool is_quantized = true;

  view_type view;

  layer_operand(arena& memory, matrix_index rows, matrix_index columns) noexcept
      : view(cut(memory, shape_for<quantizer, scale_layout>(rows, columns))) {}

 private:
  template <class Shape>
  [[nodiscard]] static view_type cut(arena& memory, Shape const& shape) noexcept {
    using scale = typename quantizer::scale_type;
    auto const span = [](auto* data, matrix_index count) {
      return ::cuda::std::span(data, static_cast<std::size_t>(count));
    };
    auto* const codes = memory.take<std::uint8_t>(shape.code_bytes());
    auto* const scales = memory.take<scale>(shape.scale_count());
    auto* const amax = memory.take<float>(shape.amax_count());
    return *make_quantized_view<typename quantizer::block_type, scale_layout>(
        span(codes, shape.code_bytes()), span(scales, shape.scale_count()),
        span(amax, shape.amax_count()), shape);
  }
};

template <product Mode>
struct layer_operand<nibble::bf16_operand, Mode> {
  static constexpr operand_source from = operand_source::fresh;
  static constexpr bool is_quantized = false;

  matrix_index rows, columns, pitch;
  bf16* values;

  layer_operand(arena& memory, matrix_index rows_, matrix_index columns_) noexcept
      : rows(rows_),
        columns(columns_),
        pitch(round_to_16(columns_)),
        values(memory.take<bf16>(rows_ * pitch)) {}
};

/// How many floats an operand needs on its way: those that earlier codes stand for.
template <class Operand>
[[nodiscard]] constexpr matrix_index floats_for(matrix_index count) noexcept {
  return Operand::from == operand_source::requantized ? count : 0;
}

/// Makes one operand from a high-precision matrix.
template <class In, class Operand, product Mode>
[[nodiscard]] status make_one(::cuda::stream_ref stream, In const& in,
                              layer_operand<Operand, Mode> const& to, layer_key key,
                              operand_role role) {
  if constexpr (Operand::is_quantized) {
    return quantize(stream, in, to.view, keyed<typename Operand::quantizer>(key, role));
  } else {
    return round_operand(stream.get(), in, to.values, to.pitch);
  }
}

/// Makes the operand of a later product: of the tensor's columns, or of the earlier operand's codes.
template <class In, class First, class Second, product Mode>
[[nodiscard]] status make_later(::cuda::stream_ref stream, In const& in,
                                layer_operand<First, Mode> const& first,
                                layer_operand<Second, Mode> const& second, float* floats,
                                layer_key key, operand_role role, operand_role later) {
  if constexpr (Second::from == operand_source::forward) {
    return transpose_tiles<typename Second::quantizer>(stream, first.view, second.view);
  } else if constexpr (Second::from == operand_source::requantized) {
    auto const count = static_cast<std::size_t>(in.extent(0) * in.extent(1));
    auto const back =
        *make_matrix_view(::cuda::std::span<float>(floats, count), in.extent(0), in.extent(1));
    status const s =
        dequantize(stream, first.view, back, keyed<typename First::quantizer>(key, role));
    return s == status::success ? make_one(stream, transposed(back), second, key, later) : s;
  } else {
    return make_one(stream, transposed(in), second, key, later);
  }
}

/// Makes a tensor's two operands: of its rows for the earlier product, of its columns for the later.
template <class In, class First, class Second, product Mode>
[[nodiscard]] status make_pair(::cuda::stream_ref stream, In const& in,
                               layer_operand<First, Mode> const& first,
                               layer_operand<Second, Mode> const& second, float* floats,
                               layer_key key, operand_role role, operand_role later) {
  if constexpr (Second::from == operand_source::fresh && First::is_quantized &&
                Second::is_quantized) {
    return quantize_both(stream, in, first.view, second.view,
                         keyed<typename First::quantizer>(key, role),
                         keyed<typename Second::quantizer>(key, later));
  } else {
    status const s = make_one(stream, in, first, key, role);
    return s == status::success ? make_later(stream, in, first, second, floats, key, role, later)
                                : s;
  }
}

/// Are sums of products of such numbers exact in 64 bits?
template <class Quantizer>
inline constexpr bool has_exact_sums =
    std::is_same_v<typename Quantizer::block_type, nvfp4_block>&& Quantizer::outer::shares !=
    tensor_scale::granularity::block_128;

/// The mode that a product of two operands is taken in: exact turns to ordered where it has to.
template <product Mode, class A, class B>
[[nodiscard]] consteval product mode_for() {
  if constexpr (Mode == product::exact) {
    return has_exact_sums<A> && has_exact_sums<B> ? product::exact : product::ordered;
  } else {
    return Mode;
  }
}

/// The workspace of multiply_operands, for outputs that cuBLASLt can write or cannot.
template <product Mode, class A, class B>
[[nodiscard]] std::size_t operands_workspace(cublas::handle const& handle,
                                             layer_operand<A, Mode> const& a,
                                             layer_operand<B, Mode> const& b,
                                             bool is_strided) noexcept {
  matrix_index const rows = [&] {
    if constexpr (A::is_quantized) return a.view.rows();
    if constexpr (!A::is_quantized) return a.rows;
  }();
  matrix_index const columns = [&] {
    if constexpr (B::is_quantized) return b.view.rows();
    if constexpr (!B::is_quantized) return b.rows;
  }();
  matrix_index const step = is_strided ? 2 : 1;
  ::cuda::std::array<matrix_index, 2> const strides{columns * step, step};
  matrix_view<float> const out(nullptr, {matrix_extents(rows, columns), strides});
  if constexpr (A::is_quantized) {
    using qa = typename A::quantizer;
    using qb = typename B::quantizer;
    return matmul_workspace<mode_for<Mode, qa, qb>()>(handle, a.view, qa{}, b.view, qb{}, out);
  } else {
    arena memory;
    if (Mode == product::fast) fast_memory const counted(memory, rows, columns, !is_strided);
    return memory.used();
  }
}

/// out = A B^T + beta out.
template <product Mode, class A, class B, class Out>
[[nodiscard]] status multiply_operands(cublas::handle const& handle, ::cuda::stream_ref stream,
                                       workspace const& scratch, layer_operand<A, Mode> const& a,
                                       layer_operand<B, Mode> const& b, Out const& out,
                                       float beta) {
  epilogue const e{1.0f, beta, nullptr};
  if constexpr (A::is_quantized) {
    using qa = typename A::quantizer;
    using qb = typename B::quantizer;
    return matmul<mode_for<Mode, qa, qb>()>(handle, stream, scratch, a.view, qa{}, b.view, qb{},
                                            out, e);
  } else if constexpr (Mode == product::fast) {
    bool const direct = is_direct(out, e);
    arena cuts(scratch);
    fast_memory const m(cuts, out.extent(0), out.extent(1), direct);
    if (!cuts.fits(scratch)) return status::workspace_too_small;
    write_plain_scalars<<<1, 1, 0, stream.get()>>>(1.0f, direct ? beta : 0.0f, m.scalars);
    if (cudaPeekAtLastError() != cudaSuccess) return status::launch_failed;
    return multiply_fast(handle, stream.get(), m, cublas::elements::bf16, {a.values, a.pitch},
                         {b.values, b.pitch}, a.columns, out, e);
  } else {
    return multiply_in_order(stream.get(), bf16_rows{a.values, a.rows, a.columns, a.pitch},
                             bf16_rows{b.values, b.rows, b.columns, b.pitch}, no_outer{},
                             plain_alpha{1.0f}, out, e);
  }
}

}  // namespace nibble::device::detail
