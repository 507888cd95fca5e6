// SPDX-License-Identifier: Apache-2.0
// Host memory for a quantized matrix. On the device, memory is the caller's and only views are
// passed.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "nibble/scaling/policy.hpp"
#include "nibble/view.hpp"

namespace nibble {

/// The shape that a matrix of rows x columns has once Quantizer has quantized it.
///
/// rule    a transform completes the last group of a row with zeros, and what it makes of them
///         counts: the quantized matrix then has that many more columns. Square tiles are stored
///         with one row of scales per row of codes, as products want them, or once a tile with
///         keep_tiles.
template <class Quantizer, class ScaleLayout = cuda::std::layout_right>
[[nodiscard]] constexpr quantized_shape<typename Quantizer::block_type, ScaleLayout> shape_for(
    matrix_index rows, matrix_index columns, bool keep_tiles = false) noexcept {
  using tensor_scale::granularity;
  constexpr matrix_index transform = Quantizer::transform_type::size;
  constexpr granularity shares = Quantizer::outer::shares;
  // What no view can have is left as it is, for the view to refuse.
  bool const is_possible = columns >= 0 && columns <= matrix_index{1} << 60;
  matrix_index const padded =
      is_possible ? detail::ceil_div<matrix_index>(columns, transform) * transform : columns;
  matrix_index const scale_rows =
      keep_tiles && Quantizer::group.rows > 1
          ? detail::ceil_div<matrix_index>(rows, Quantizer::block_type::size)
          : rows;
  bool const by_row = tensor_scale::is_per_row(shares);
  return {rows, padded, scale_rows, by_row ? rows : 1,
          shares == granularity::block_128 ? detail::ceil_div<matrix_index>(padded, 128) : 1};
}

/// A quantized matrix that owns its memory.
///
/// errors  std::length_error for a shape that has no view.
template <class Block, class ScaleLayout = cuda::std::layout_right>
class quantized_matrix {
 public:
  using shape_type = quantized_shape<Block, ScaleLayout>;

  quantized_matrix() : quantized_matrix(shape_type{0, 0, 0, 1, 1}) {}
  explicit quantized_matrix(shape_type shape) : shape_(shape) {
    // Checked on empty buffers first: what is too large must not be allocated.
    cuda::std::span<std::uint8_t> const none;
    auto const dry_run = make_quantized_view<Block, ScaleLayout>(
        none, cuda::std::span<typename Block::scale_type>(), cuda::std::span<float>(), shape);
    if (!dry_run && dry_run.error() != view_error::buffer_too_small) {
      throw std::length_error("got a quantized matrix of " + std::to_string(shape.rows) + " x " +
                              std::to_string(shape.columns) +
                              ", need extents from 0 to 2^60 elements in all");
    }
    codes_.resize(static_cast<std::size_t>(shape.code_bytes()));
    scales_.resize(static_cast<std::size_t>(shape.scale_count()));
    amax_.resize(static_cast<std::size_t>(shape.amax_count()));
  }

  [[nodiscard]] shape_type const& shape() const noexcept { return shape_; }
  [[nodiscard]] quantized_view<Block, ScaleLayout> view() noexcept {
    return *make_quantized_view<Block, ScaleLayout>(span(codes_), span(scales_), span(amax_),
                                                    shape_);
  }
  [[nodiscard]] quantized_view<Block const, ScaleLayout> view() const noexcept {
    return *make_quantized_view<Block const, ScaleLayout>(span(codes_), span(scales_), span(amax_),
                                                          shape_);
  }

  /// The packed codes, row after row.
  [[nodiscard]] std::vector<std::uint8_t> const& code_bytes() const noexcept { return codes_; }
  /// The scales in the order of ScaleLayout, padding included.
  [[nodiscard]] std::vector<typename Block::scale_type> const& scales() const noexcept {
    return scales_;
  }
  [[nodiscard]] std::vector<float> const& amax() const noexcept { return amax_; }

 private:
  template <class T>
  [[nodiscard]] static cuda::std::span<T> span(std::vector<T>& v) noexcept {
    return {v.data(), v.size()};
  }
  template <class T>
  [[nodiscard]] static cuda::std::span<T const> span(std::vector<T> const& v) noexcept {
    return {v.data(), v.size()};
  }

  shape_type shape_;
  std::vector<std::uint8_t> codes_;
  std::vector<typename Block::scale_type> scales_;
  std::vector<float> amax_;
};

/// The matrix type that Quantizer fills.
template <class Quantizer, class ScaleLayout = cuda::std::layout_right>
using quantized_by = quantized_matrix<typename Quantizer::block_type, ScaleLayout>;

}  // namespace nibble
