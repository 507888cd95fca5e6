// SPDX-License-Identifier: Apache-2.0
// What becomes of a panel: blocks in a view, or amaxes. The arithmetic is all in the quantizer.
#pragma once

#include <atomic>

#include "nibble/detail/host_check.hpp"
#include "nibble/detail/host_panel.hpp"
#include "nibble/detail/host_scales.hpp"
#include "nibble/quantized_matrix.hpp"
#include "nibble/quantizer.hpp"
#include "nibble/random/source.hpp"

namespace nibble::detail {

/// Writes the blocks of a group where they belong; what lies beyond the last row is dropped.
template <class Quantizer, class Block, class ScaleLayout>
void store(typename Quantizer::result_type const& blocks, matrix_index row, matrix_index column,
           quantized_view<Block, ScaleLayout> const& out) noexcept {
  constexpr matrix_index size = Block::size;
  for (int r = 0; r < Quantizer::group.rows && row + r < out.rows(); ++r) {
    for (int b = 0; b < Quantizer::blocks_per_row; ++b) {
      matrix_index const first = column + b * size;
      Block const& block = Quantizer::block_of(blocks, r, b);
      auto const* source = block.codes.bytes();
      auto const place = out.codes.accessor().offset(
          out.codes.data_handle(),
          static_cast<std::size_t>((row + r) * out.codes.stride(0) + first));
      std::uint8_t* target = place.bytes + place.first * Block::element_type::format.width() / 8;
      __builtin_memcpy(target, source, decltype(block.codes)::size_bytes);
      if (out.rows_per_scale() == 1) {
        out.scales(row + r, first / size) = block.scale;
      } else if (r == 0) {
        out.scales(row / size, first / size) = block.scale;
      }
    }
  }
}

/// Zeros in every scale of the storage that belongs to no block.
template <class Block, class ScaleLayout>
void clear_padding(quantized_view<Block, ScaleLayout> const& out) {
  if constexpr (requires { ScaleLayout::tile_rows; }) {  // a layout with padding says to what
    constexpr matrix_index tall = ScaleLayout::tile_rows, wide = ScaleLayout::tile_columns;
    matrix_index const rows = out.scales.extent(0), columns = out.scales.extent(1);
    matrix_index const padded_rows = ceil_div(rows, tall) * tall;
    matrix_index const padded_columns = ceil_div(columns, wide) * wide;
    auto const& mapping = out.scales.mapping();
    if (!mapping.is_whole()) return;  // a part: what looks like padding is its neighbours'
    for (matrix_index r = 0; r < padded_rows; ++r) {
      for (matrix_index c = r < rows ? columns : 0; c < padded_columns; ++c) {
        out.scales.data_handle()[mapping(r, c)] = typename Block::scale_type{};
      }
    }
  }
}

template <class Quantizer, class In, class Block, class ScaleLayout>
void require_shapes(In const& in, quantized_view<Block, ScaleLayout> const& out,
                    char const* function) {
  static_assert(std::is_same_v<typename Quantizer::block_type, std::remove_const_t<Block>>,
                "got a view of other blocks than the quantizer makes");
  static_assert(!std::is_const_v<Block>, "got a read-only view to write blocks to");
  static_assert(!std::is_integral_v<typename In::value_type>,
                "got a matrix of integers; need float, nibble::bf16 or nibble::fp16");
  auto const need = shape_for<Quantizer, ScaleLayout>(in.extent(0), in.extent(1));
  auto const tiles = shape_for<Quantizer, ScaleLayout>(in.extent(0), in.extent(1), true);
  require(out.rows() == need.rows && out.columns() == need.columns,
          std::string(function) + ": got an output of " + shape_text(out.rows(), out.columns()) +
              " for an input of " + shape_text(in.extent(0), in.extent(1)) + ", need " +
              shape_text(need.rows, need.columns) + "; make it with shape_for<Quantizer>");
  require((out.scales.extent(0) == need.scale_rows || out.scales.extent(0) == tiles.scale_rows) &&
              out.scales.extent(1) == need.blocks_per_row(),
          std::string(function) + ": got scales of " +
              shape_text(out.scales.extent(0), out.scales.extent(1)) + ", need " +
              shape_text(need.scale_rows, need.blocks_per_row()) +
              "; make the output with shape_for<Quantizer>");
  require(out.amax.extent(0) == need.amax_rows && out.amax.extent(1) == need.amax_columns,
          std::string(function) + ": got amaxes of " +
              shape_text(out.amax.extent(0), out.amax.extent(1)) + ", need " +
              shape_text(need.amax_rows, need.amax_columns) +
              "; make the output with shape_for<Quantizer>");
  require(out.codes.stride(1) == 1 && out.codes.stride(0) % Block::size == 0 &&
              out.codes.stride(0) >= need.pitch(),
          std::string(function) +
              ": got codes whose rows are not padded to whole blocks; make the "
              "output with shape_for<Quantizer>");
}

/// Can the random numbers of a row be drawn at once?
template <class Quantizer>
concept draws_rows = Quantizer::group.rows == 1 &&
                     requires(Quantizer const& q, random::words* words) {
  q.rounding.drawn(std::uint64_t{0}, std::size_t{1}, words);
};

/// The same quantizer with another rounding.
template <class Quantizer, class Rounding>
[[nodiscard]] auto with_rounding(Quantizer const& q, Rounding const& rounding) {
  return quantizer<typename Quantizer::block_type, typename Quantizer::scaling_type, Rounding,
                   typename Quantizer::transform_type, decltype(q.correction)>{
      q.scaling, rounding, q.transform, q.correction};
}

/// Encodes panels into a view.
template <class Quantizer, class Block, class ScaleLayout>
class encoder {
 public:
  encoder(quantized_view<Block, ScaleLayout> const& out, Quantizer const& q, shard where)
      : out_(out),
        q_(q),
        shared_(Quantizer::prepare({Quantizer::has_one_amax ? out.amax(0, 0) : 0.0f})),
        pitch_(static_cast<std::uint64_t>(where.columns > 0 ? where.columns : out.columns())),
        origin_(static_cast<std::uint64_t>(where.row) * pitch_ +
                static_cast<std::uint64_t>(where.column)) {}

  /// Encodes a panel that starts at (row, column) of the matrix as quantized.
  void operator()(panel const& values, matrix_index row, matrix_index column) const {
    if constexpr (draws_rows<Quantizer>) {
      auto const width = static_cast<std::size_t>(values.columns());
      std::vector<random::words> words(q_.rounding.calls_for(width));
      // A panel's rows are not neighbours in the sequence of random numbers: row by row.
      for (matrix_index r = 0; r < std::min(values.rows(), out_.rows() - row); ++r) {
        auto const drawn = q_.rounding.drawn(index(row + r, column), width, words.data());
        encode_rows(values, r, r + 1, row, column, with_rounding(q_, drawn));
      }
    } else {
      encode_rows(values, 0, out_.rows() - row, row, column, q_);
    }
  }

 private:
  [[nodiscard]] std::uint64_t index(matrix_index row, matrix_index column) const noexcept {
    return origin_ + static_cast<std::uint64_t>(row) * pitch_ + static_cast<std::uint64_t>(column);
  }

  template <class Q>
  void encode_rows(panel const& values, matrix_index first, matrix_index last, matrix_index row,
                   matrix_index column, Q const& q) const {
    auto const for_each_group = [&](auto const& blocks_of) {
      values.for_each_group<Q>(first, last, out_.columns() - column,
                               [&](matrix_index r, matrix_index c, auto const& group) {
                                 position const at(index(row + r, column + c), pitch_);
                                 store<Quantizer>(blocks_of(r, c, group, at), row + r, column + c,
                                                  out_);
                               });
    };
    if constexpr (chooses_ahead<Quantizer>) {
      auto const scales = scales_of(values, first, std::min(last, values.rows()), q_, shared_);
      matrix_index const blocks = values.columns() / Block::size;
      for_each_group([&](matrix_index r, matrix_index c, auto const& group, position at) {
        auto const place = static_cast<std::size_t>((r - first) * blocks + c / Block::size);
        return with_scale(q, scales[place]).encode(group, shared_, at);
      });
    } else {
      for_each_group([&](matrix_index r, matrix_index c, auto const& group, position at) {
        auto const factors = Quantizer::has_one_amax
                                 ? shared_
                                 : Quantizer::prepare({out_.amax_of(row + r, column + c)});
        return q.encode(group, factors, at);
      });
    }
  }

  quantized_view<Block, ScaleLayout> out_;
  Quantizer const& q_;
  tensor_scale::factors shared_;
  std::uint64_t pitch_, origin_;
};

/// Finds the amaxes of a view from panels.
template <class Quantizer, class Block, class ScaleLayout>
class amax_finder {
 public:
  explicit amax_finder(quantized_view<Block, ScaleLayout> const& out) : out_(out) {
    static_assert(Quantizer::has_one_amax || Quantizer::group.rows == 1,
                  "got square tiles under an amax per row; a tile needs one amax");
    for (matrix_index r = 0; r < out.amax.extent(0); ++r) {
      for (matrix_index c = 0; c < out.amax.extent(1); ++c) out.amax(r, c) = 0;
    }
  }

  /// Takes in a panel that starts at (row, column) of the matrix as quantized; from any thread,
  /// where no two have the same row.
  void operator()(panel const& values, matrix_index row, matrix_index column) {
    std::uint32_t largest = 0;
    values.for_each_group<Quantizer>(
        0, out_.rows() - row, out_.columns() - column,
        [&](matrix_index r, matrix_index c, auto const& group) {
          std::uint32_t const found = float_bits(scaling::tile_amax(group));
          if constexpr (!Quantizer::has_one_amax) {
            float& cell = out_.amax(row + r, shares == granularity::row ? 0 : (column + c) / 128);
            if (found > float_bits(cell)) cell = float_from_bits(found);
          }
          largest = found > largest ? found : largest;
        });
    auto seen = largest_.load();
    while (largest > seen && !largest_.compare_exchange_weak(seen, largest)) {
    }
  }

  /// Writes what is known once all panels are in.
  void finish() const {
    if constexpr (Quantizer::has_one_amax) out_.amax(0, 0) = float_from_bits(largest_.load());
  }

 private:
  using granularity = tensor_scale::granularity;
  static constexpr granularity shares = Quantizer::outer::shares;

  quantized_view<Block, ScaleLayout> out_;
  std::atomic<std::uint32_t> largest_{0};
};

}  // namespace nibble::detail
