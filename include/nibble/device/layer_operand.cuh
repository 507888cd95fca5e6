// SPDX-License-Identifier: Apache-2.0
// The operands of a linear layer's products on the device: made as a recipe says, in memory that is
// given.
#pragma once

#include "nibble/device/decoded_operand.cuh"
#include "nibble/device/dequantize.cuh"
#include "nibble/device/transpose.cuh"
#include "nibble/linear.hpp"

namespace nibble::device::detail {

/// Scales in the order that Blackwell multiplies, where its product may be the one that is used.
template <class Quantizer, product Mode>
using operand_layout =
    std::conditional_t<Mode == product::fast &&
                           std::is_same_v<typename Quantizer::block_type, nvfp4_block>,
                       layout::scale_tile_128x4, ::cuda::std::layout_right>;

/// An operand as a product wants it: codes, or bf16 values. One whose codes nobody else needs has room
/// for values in place of them, if the GPU multiplies those.
template <class Operand, product Mode, bool NeedsCodes = true>
struct layer_operand {
  using quantizer = typename Operand::quantizer;
  using scale_layout = operand_layout<quantizer, Mode>;
  using view_type = quantized_view<typename quantizer::block_type, scale_layout>;
  static constexpr operand_source from = Operand::from;
  static constexpr bool is_quantized = true;
  static constexpr bool can_be_values =
      Mode == product::fast && !NeedsCodes && makes_decoded<quantizer>;

  view_type view;
  matrix_index pitch;
  bool has_room;  // for values; else codes alone
  bf16* values;
  bool has_values = false;

  layer_operand(arena& memory, matrix_index rows, matrix_index columns,
                bool is_decoded = false) noexcept
      : view(cut(memory, shape_for<quantizer, scale_layout>(rows, columns))),
        pitch(nibble::detail::ceil_div<matrix_index>(view.columns(), quantizer::block_type::size) *
              quantizer::block_type::size),
        has_room(can_be_values && is_decoded),
        values(memory.take<bf16>(has_room ? rows * pitch : 0)) {}

  /// Where its quantizer writes, if it writes straight.
  [[nodiscard]] auto output() const noexcept {
    if constexpr (can_be_values) {
      return decoded_like(view, values, pitch);
    } else {
      return view;
    }
  }

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

template <product Mode, bool NeedsCodes>
struct layer_operand<nibble::bf16_operand, Mode, NeedsCodes> {
  static constexpr operand_source from = operand_source::fresh;
  static constexpr bool is_quantized = false;
  static constexpr bool can_be_values = false;

  matrix_index rows, columns, pitch;
  bf16* values;

  layer_operand(arena& memory, matrix_index rows_, matrix_index columns_, bool = false) noexcept
      : rows(rows_),
        columns(columns_),
        pitch((columns_ + 15) / 16 * 16),
        values(memory.take<bf16>(rows_ * pitch)) {}
};

/// How many floats an operand needs on its way: those that earlier codes stand for.
template <class Operand>
[[nodiscard]] constexpr matrix_index floats_for(matrix_index count) noexcept {
  return Operand::from == operand_source::requantized ? count : 0;
}

/// Makes one operand from a high-precision matrix.
template <class In, class To>
[[nodiscard]] status make_one(::cuda::stream_ref stream, In const& in, To& to, layer_key key,
                              operand_role role) {
  if constexpr (To::is_quantized) {
    auto const q = keyed<typename To::quantizer>(key, role);
    if constexpr (To::can_be_values) {
      if (to.has_room && is_tileable(in)) {
        to.has_values = true;
        status const s = find_amax(stream, in, to.view, q);
        return s == status::success
                   ? quantize_tileable(stream.get(), in, q, to.output(), no_side{}, no_side{})
                   : s;
      }
    }
    return quantize(stream, in, to.view, q);
  } else {
    return round_operand(stream.get(), in, to.values, to.pitch);
  }
}

/// Makes the operand of a later product: of the tensor's columns, or of the earlier operand's codes.
template <class In, class First, class Second>
[[nodiscard]] status make_later(::cuda::stream_ref stream, In const& in, First const& first,
                                Second& second, float* floats, layer_key key, operand_role role,
                                operand_role later) {
  static_assert(Second::from == operand_source::fresh || !First::can_be_values,
                "got an operand that is made of codes which are not kept");
  if constexpr (Second::from == operand_source::forward) {
    return transpose_tiles<typename Second::quantizer>(stream, first.view, second.view);
  } else if constexpr (Second::from == operand_source::requantized) {
    auto const back = matrix_at(floats, in.extent(0), in.extent(1));
    status const s =
        dequantize(stream, first.view, back, keyed<typename First::quantizer>(key, role));
    return s == status::success ? make_one(stream, transposed(back), second, key, later) : s;
  } else {
    return make_one(stream, transposed(in), second, key, later);
  }
}

/// Makes a tensor's two operands: of its rows for the earlier product, of its columns for the later.
template <class In, class First, class Second>
[[nodiscard]] status make_pair(::cuda::stream_ref stream, In const& in, First& first,
                               Second& second, float* floats, layer_key key, operand_role role,
                               operand_role later) {
  if constexpr (Second::from == operand_source::fresh && First::is_quantized &&
                Second::is_quantized) {
    auto const q_rows = keyed<typename First::quantizer>(key, role);
    auto const q_columns = keyed<typename Second::quantizer>(key, later);
    if constexpr ((First::can_be_values || Second::can_be_values) &&
                  makes_sixteens<typename First::quantizer> &&
                  makes_sixteens<typename Second::quantizer>) {
      if ((first.has_room || second.has_room) && is_tileable(in)) {
        first.has_values = First::can_be_values;
        second.has_values = Second::can_be_values;
        status const s = find_amax_both(stream, in, first.view, second.view, q_rows, q_columns);
        return s == status::success ? quantize_tileable(stream.get(), in, q_rows, first.output(),
                                                        q_columns, second.output())
                                    : s;
      }
    }
    return quantize_both(stream, in, first.view, second.view, q_rows, q_columns);
  } else {
    status const s = make_one(stream, in, first, key, role);
    return s == status::success ? make_later(stream, in, first, second, floats, key, role, later)
                                : s;
  }
}

}  // namespace nibble::device::detail
