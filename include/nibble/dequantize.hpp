// SPDX-License-Identifier: Apache-2.0
// Whole matrices of blocks back to floats on the host.
#pragma once

#include "nibble/quantize.hpp"

namespace nibble {

namespace detail {

/// Block `block` of row `row`, copied out of a view.
template <class Block, class ScaleLayout>
[[nodiscard]] auto load_block(quantized_view<Block, ScaleLayout> const& in, matrix_index row,
                              matrix_index block) noexcept {
  using plain = std::remove_const_t<Block>;
  plain result{{}, in.scale(row, block)};
  auto const place = in.codes.accessor().offset(
      in.codes.data_handle(),
      static_cast<std::size_t>(row * in.codes.stride(0) + block * plain::size));
  std::uint8_t const* source = place.bytes + place.first * plain::element_type::format.width() / 8;
  __builtin_memcpy(result.codes.bytes(), source, decltype(result.codes)::size_bytes);
  return result;
}

/// Can the transform of a quantized matrix be undone? Not in a part that ends inside one.
template <class Quantizer, class View>
[[nodiscard]] constexpr bool has_whole_transforms(View const& in) noexcept {
  return in.columns() % Quantizer::transform_type::size == 0;
}
template <class Quantizer, class View>
void require_whole_transforms(View const& in, char const* function) {
  require(has_whole_transforms<Quantizer>(in),
          std::string(function) + ": got a quantized matrix of " +
              shape_text(in.rows(), in.columns()) + " to undo a transform of " +
              std::to_string(Quantizer::transform_type::size) + " in, need whole transforms");
}

}  // namespace detail

/// Whether dequantize undoes the transform.
enum class domain {
  original,     // the values that were quantized, approximately
  transformed,  // what is stored, as products of two transformed operands use it
};

/// Writes the numbers that a quantized matrix stands for.
///
/// shape   in: as quantize wrote it. result: float, bf16 or fp16, any strides; its rows, and its
///         columns or, where a transform added some, at least as many as the original had. A part
///         whose transform is to be undone holds whole ones.
/// rule    code * ((scale * amax) * fl(1 / range)) for NVFP4, see the policies; rounded once more
///         to the result's type.
/// errors  std::invalid_argument for shapes that do not fit, std::runtime_error as quantize.
/// bits    identical on every machine, for any number of threads and any strides; a NaN is
///         0x7FC00000.
template <class Block, class ScaleLayout, class Out, class Quantizer, class Parallel = threads>
void dequantize(quantized_view<Block, ScaleLayout> const& in, Out const& result, Quantizer const& q,
                domain which = domain::original, Parallel const& parallel = {}) {
  constexpr matrix_index size = std::remove_const_t<Block>::size;
  constexpr matrix_index transform = Quantizer::transform_type::size;
  static_assert(std::is_same_v<typename Quantizer::block_type, std::remove_const_t<Block>>,
                "got a view of other blocks than the quantizer makes");
  static_assert(!std::is_const_v<typename Out::element_type>, "got a read-only matrix to write to");
  detail::require_ieee("nibble::dequantize");
  detail::require(result.extent(0) == in.rows() && result.extent(1) <= in.columns() &&
                      result.extent(1) > in.columns() - transform,
                  "nibble::dequantize: got a result of " +
                      detail::shape_text(result.extent(0), result.extent(1)) +
                      " for a quantized matrix of " + detail::shape_text(in.rows(), in.columns()) +
                      "; need the shape that was quantized");
  if (which == domain::original) {
    detail::require_whole_transforms<Quantizer>(in, "nibble::dequantize");
  }

  auto const shared = Quantizer::prepare({Quantizer::has_one_amax ? in.amax(0, 0) : 0.0f});
  matrix_index const padded = detail::ceil_div(in.columns(), size) * size;

  parallel(
      in.rows(), detail::grain_for(1, in.columns()), [&](matrix_index first, matrix_index last) {
        std::vector<float> values(static_cast<std::size_t>(padded));
        for (matrix_index row = first; row < last; ++row) {
          for (matrix_index column = 0; column < padded; column += size) {
            auto const factors =
                Quantizer::has_one_amax ? shared : Quantizer::prepare({in.amax_of(row, column)});
            auto const decoded =
                Quantizer::decode(detail::load_block(in, row, column / size), factors);
            __builtin_memcpy(values.data() + column, decoded.values, sizeof decoded.values);
          }
          if (transform > 1 && which == domain::original) {
            for (matrix_index column = 0; column < in.columns(); column += transform) {
              q.invert_at(values.data() + column);
            }
          }
          using value_type = std::remove_cv_t<typename Out::value_type>;
          matrix_index const width = result.extent(1), stride = result.stride(1);
          auto* const target = width > 0 ? &result(row, 0) : nullptr;
          if (stride == 1) {  // apart, because it vectorises
            for (matrix_index c = 0; c < width; ++c) {
              target[c] =
                  static_cast<value_type>(detail::canonical(values[static_cast<std::size_t>(c)]));
            }
          } else {
            for (matrix_index c = 0; c < width; ++c) {
              target[c * stride] =
                  static_cast<value_type>(detail::canonical(values[static_cast<std::size_t>(c)]));
            }
          }
        }
      });
}

}  // namespace nibble
