// SPDX-License-Identifier: Apache-2.0
// Whole matrices to blocks on the host. The loops map an index to a group; the arithmetic is all in
// the quantizer.
#pragma once

#include "nibble/detail/host_check.hpp"
#include "nibble/quantized_matrix.hpp"
#include "nibble/quantizer.hpp"
#include "nibble/threads.hpp"

namespace nibble {

namespace detail {

/// Some consecutive rows of a matrix as floats, completed with zeros to whole groups and transformed:
/// what the loops below work on. Only this place knows of strides, element types and ragged edges.
template <class Quantizer>
class row_buffer {
 public:
  static constexpr auto rows = static_cast<std::size_t>(Quantizer::group.rows);
  static constexpr auto width = static_cast<std::size_t>(Quantizer::group.columns);

  explicit row_buffer(matrix_index columns)
      : pitch_(static_cast<std::size_t>(ceil_div<matrix_index>(columns, width) * matrix_index{width})),
        values_(rows * pitch_) {}

  /// Reads the rows from `row` on, as far as they exist, and transforms them.
  template <class In>
  void load(In const& in, matrix_index row, Quantizer const& q) noexcept {
    for (std::size_t r = 0; r < rows; ++r) {
      float* const target = values_.data() + r * pitch_;
      matrix_index const i = row + static_cast<matrix_index>(r);
      matrix_index const count = i < in.extent(0) ? in.extent(1) : 0;
      matrix_index const stride = in.stride(1);
      auto const* const source = count > 0 ? &in(i, 0) : nullptr;
      if (stride == 1) {  // apart, because it vectorises
        for (matrix_index c = 0; c < count; ++c) target[c] = static_cast<float>(source[c]);
      } else {
        for (matrix_index c = 0; c < count; ++c) target[c] = static_cast<float>(source[c * stride]);
      }
      for (auto c = static_cast<std::size_t>(count); c < pitch_; ++c) target[c] = 0.0f;
      for (std::size_t c = 0; c < pitch_; c += width) {
        q.transform_row(*reinterpret_cast<float(*)[width]>(target + c));
      }
    }
  }

  /// The group that starts at `column`; a group of several rows is gathered into `gathered`.
  [[nodiscard]] float const (&group(matrix_index column, float (&gathered)[rows][width]) const
                             noexcept)[rows][width] {
    float const* const first = values_.data() + column;
    if constexpr (rows == 1) {
      return *reinterpret_cast<float const(*)[1][width]>(first);
    } else {
      for (std::size_t r = 0; r < rows; ++r) {
        __builtin_memcpy(gathered[r], first + r * pitch_, sizeof gathered[r]);
      }
      return gathered;
    }
  }

 private:
  std::size_t pitch_;
  std::vector<float> values_;
};

/// How many rows of groups one piece of parallel work takes: about 2^15 elements.
[[nodiscard]] inline matrix_index grain_for(matrix_index group_rows, matrix_index columns) noexcept {
  matrix_index const row_elements = group_rows * (columns > 0 ? columns : 1);
  return row_elements >= 32768 ? 1 : 32768 / row_elements;
}

/// Writes the blocks of a group where they belong; what lies beyond the last row is dropped.
template <class Quantizer, class Block, class ScaleLayout>
void store(typename Quantizer::result_type const& blocks, matrix_index row, matrix_index column,
           quantized_view<Block, ScaleLayout> const& out) noexcept {
  constexpr matrix_index size = Block::size;
  for (int r = 0; r < Quantizer::group.rows && row + r < out.rows(); ++r) {
    for (int b = 0; b < Quantizer::blocks_per_row; ++b) {
      matrix_index const first = column + b * size;
      if (first >= out.columns()) break;
      Block const* block = nullptr;
      if constexpr (Quantizer::is_one_block) {
        block = &blocks;
      } else {
        block = &blocks.blocks[r][b];
      }
      auto const* source = block->codes.bytes();
      auto const place = out.codes.accessor().offset(
          out.codes.data_handle(),
          static_cast<std::size_t>((row + r) * out.codes.stride(0) + first));
      std::uint8_t* target = place.bytes + place.first * Block::element_type::format.width() / 8;
      __builtin_memcpy(target, source, decltype(block->codes)::size_bytes);
      if (out.rows_per_scale() == 1) {
        out.scales(row + r, first / size) = block->scale;
      } else if (r == 0) {
        out.scales(row / size, first / size) = block->scale;
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
  static_assert(std::is_same_v<typename Quantizer::block_type, Block>,
                "got a view of other blocks than the quantizer makes");
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
          std::string(function) + ": got codes whose rows are not padded to whole blocks; make the "
                                  "output with shape_for<Quantizer>");
}

}  // namespace detail

/// Where a matrix lies in a larger one that is quantized piece by piece: each piece then draws the random
/// numbers that it would draw as part of the whole.
///
/// units   rows and columns of the whole as quantized; columns 0: this matrix is the whole.
struct shard {
  matrix_index row = 0;
  matrix_index column = 0;
  matrix_index columns = 0;
};

/// Quantizes a matrix under the amaxes that `out` already holds (delayed scaling, or an amax that a
/// producer found).
///
/// shape   in: rows x columns of float, bf16 or fp16, any strides. out: as shape_for<Quantizer>.
/// rule    group by group. An element's position is its index in the row-major order of the matrix as
///         quantized. The rest of a group that reaches beyond the edge counts as zeros; padding of
///         codes and scales is written as zeros.
/// errors  std::invalid_argument for shapes that do not fit, std::runtime_error where this thread
///         flushes subnormals or does not round to nearest; nothing is written then.
/// bits    identical on every machine, for any number of threads and any strides.
template <class In, class Block, class ScaleLayout, class Quantizer, class Parallel = threads>
void quantize_with_amax(In const& in, quantized_view<Block, ScaleLayout> const& out,
                        Quantizer const& q, Parallel const& parallel = {}, shard where = {}) {
  detail::require_ieee("nibble::quantize");
  detail::require_shapes<Quantizer>(in, out, "nibble::quantize");
  constexpr matrix_index group_rows = Quantizer::group.rows, group_columns = Quantizer::group.columns;
  constexpr auto shares = Quantizer::outer::shares;
  constexpr bool one_amax =
      shares == tensor_scale::granularity::tensor || shares == tensor_scale::granularity::none;
  auto const pitch = static_cast<std::uint64_t>(where.columns > 0 ? where.columns : out.columns());
  auto const origin = static_cast<std::uint64_t>(where.row) * pitch +
                      static_cast<std::uint64_t>(where.column);
  auto const shared = Quantizer::prepare({one_amax ? out.amax(0, 0) : 0.0f});

  parallel(detail::ceil_div(out.rows(), group_rows), detail::grain_for(group_rows, out.columns()),
           [&](matrix_index first, matrix_index last) {
             detail::row_buffer<Quantizer> buffer(out.columns());
             float gathered[detail::row_buffer<Quantizer>::rows][detail::row_buffer<Quantizer>::width];
             for (matrix_index row = first * group_rows; row < last * group_rows; row += group_rows) {
               buffer.load(in, row, q);
               for (matrix_index column = 0; column < out.columns(); column += group_columns) {
                 position const at(origin + static_cast<std::uint64_t>(row) * pitch +
                                       static_cast<std::uint64_t>(column),
                                   pitch);
                 auto const factors = one_amax ? shared : Quantizer::prepare({out.amax_of(row, column)});
                 detail::store<Quantizer>(q.encode(buffer.group(column, gathered), factors, at), row,
                                          column, out);
               }
             }
           });
  detail::clear_padding(out);
}

/// Finds the amaxes that Quantizer derives outer scales from, of the values as they will be scaled:
/// after the transform and its rounding.
///
/// shape   as quantize; writes out.amax only.
/// rule    the largest magnitude, NaN aside; an integer maximum, so any order gives the same bits.
/// errors  as quantize.
template <class In, class Block, class ScaleLayout, class Quantizer, class Parallel = threads>
void find_amax(In const& in, quantized_view<Block, ScaleLayout> const& out, Quantizer const& q,
               Parallel const& parallel = {}) {
  detail::require_ieee("nibble::find_amax");
  detail::require_shapes<Quantizer>(in, out, "nibble::find_amax");
  using tensor_scale::granularity;
  constexpr granularity shares = Quantizer::outer::shares;
  constexpr matrix_index group_rows = Quantizer::group.rows, group_columns = Quantizer::group.columns;
  constexpr bool is_by_row = shares == granularity::row || shares == granularity::block_128;
  static_assert(!is_by_row || group_rows == 1,
                "got square tiles under an amax per row; a tile needs one amax");
  matrix_index const grain = detail::grain_for(group_rows, out.columns());
  matrix_index const group_count = detail::ceil_div(out.rows(), group_rows);
  std::vector<std::uint32_t> partial(static_cast<std::size_t>(detail::ceil_div(group_count, grain)));
  parallel(group_count, grain, [&](matrix_index first, matrix_index last) {
    std::uint32_t largest = 0;
    detail::row_buffer<Quantizer> buffer(out.columns());
    float gathered[detail::row_buffer<Quantizer>::rows][detail::row_buffer<Quantizer>::width];
    for (matrix_index row = first * group_rows; row < last * group_rows; row += group_rows) {
      buffer.load(in, row, q);
      for (matrix_index part = 0; is_by_row && part < out.amax.extent(1); ++part) out.amax(row, part) = 0;
      for (matrix_index column = 0; column < out.columns(); column += group_columns) {
        std::uint32_t const found =
            detail::float_bits(scaling::tile_amax(buffer.group(column, gathered)));
        if constexpr (is_by_row) {
          float& cell = out.amax(row, shares == granularity::row ? 0 : column / 128);
          if (found > detail::float_bits(cell)) cell = detail::float_from_bits(found);
        }
        largest = found > largest ? found : largest;
      }
    }
    partial[static_cast<std::size_t>(first / grain)] = largest;
  });
  if constexpr (!is_by_row) {
    std::uint32_t largest = 0;
    for (std::uint32_t const found : partial) largest = found > largest ? found : largest;
    out.amax(0, 0) = detail::float_from_bits(largest);
  }
}

/// Quantizes a matrix: finds its amaxes, then quantize_with_amax.
template <class In, class Block, class ScaleLayout, class Quantizer, class Parallel = threads>
void quantize(In const& in, quantized_view<Block, ScaleLayout> const& out, Quantizer const& q,
              Parallel const& parallel = {}) {
  find_amax(in, out, q, parallel);
  quantize_with_amax(in, out, q, parallel);
}

/// Quantizes a matrix to memory of its own.
template <class ScaleLayout = cuda::std::layout_right, class In, class Quantizer,
          class Parallel = threads>
[[nodiscard]] quantized_by<Quantizer, ScaleLayout> quantized(In const& in, Quantizer const& q,
                                                             Parallel const& parallel = {}) {
  quantized_by<Quantizer, ScaleLayout> result(
      shape_for<Quantizer, ScaleLayout>(in.extent(0), in.extent(1)));
  quantize(in, result.view(), q, parallel);
  return result;
}

}  // namespace nibble
