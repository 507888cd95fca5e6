// SPDX-License-Identifier: Apache-2.0
// Whole matrices to blocks on the host. The loops map an index to a group; the arithmetic is all in
// the quantizer.
#pragma once

#include <algorithm>
#include <atomic>

#include "nibble/detail/host_check.hpp"
#include "nibble/quantized_matrix.hpp"
#include "nibble/quantizer.hpp"
#include "nibble/random/source.hpp"
#include "nibble/threads.hpp"

namespace nibble {

namespace detail {

/// A piece of a matrix as floats, completed with zeros: what the loops below work on. Only this class
/// knows of strides, element types and ragged edges.
class panel {
 public:
  panel(matrix_index rows, matrix_index columns)
      : storage_(static_cast<std::size_t>(rows * columns) + 16) {
    // Whole cache lines: a load of 64 bytes then never touches two of them.
    auto const address = reinterpret_cast<std::uintptr_t>(storage_.data());
    values_ = storage_.data() + (64 - address % 64) % 64 / sizeof(float);
  }
  panel(panel const&) = delete;
  panel& operator=(panel const&) = delete;

  [[nodiscard]] matrix_index rows() const noexcept { return rows_; }
  [[nodiscard]] matrix_index columns() const noexcept { return columns_; }
  [[nodiscard]] float* row(matrix_index r) noexcept { return values_ + r * columns_; }
  [[nodiscard]] float const* row(matrix_index r) const noexcept { return values_ + r * columns_; }

  /// Reads rows x columns elements from (first_row, first_column) on, as far as they exist.
  template <class In>
  void read(In const& in, matrix_index first_row, matrix_index first_column, matrix_index rows,
            matrix_index columns) noexcept {
    rows_ = rows;
    columns_ = columns;
    matrix_index const tall = std::clamp<matrix_index>(in.extent(0) - first_row, 0, rows);
    matrix_index const wide = std::clamp<matrix_index>(in.extent(1) - first_column, 0, columns);
    if (tall < rows || wide < columns) std::fill_n(values_, rows * columns, 0.0f);
    if (tall == 0 || wide == 0) return;
    auto const* const source = &in(first_row, first_column);
    matrix_index const row_step = in.stride(0), column_step = in.stride(1);
    if (column_step != 1 && row_step == 1) return turn(source, column_step, tall, wide);
    for (matrix_index r = 0; r < tall; ++r) {
      auto const* const from = source + r * row_step;
      float* const to = row(r);
      if (column_step == 1) {  // apart, because it vectorises
        for (matrix_index c = 0; c < wide; ++c) to[c] = static_cast<float>(from[c]);
      } else {
        for (matrix_index c = 0; c < wide; ++c) to[c] = static_cast<float>(from[c * column_step]);
      }
    }
  }

  /// Becomes the transpose of another piece.
  void turn(panel const& other) noexcept {
    rows_ = other.columns_;
    columns_ = other.rows_;
    turn(other.values_, other.columns_, other.columns_, other.rows_);
  }

  /// Transforms every row.
  template <class Quantizer>
  void transform(Quantizer const& q) noexcept {
    constexpr auto width = static_cast<std::size_t>(Quantizer::group.columns);
    if constexpr (Quantizer::transform_type::size > 1) {
      for (float* first = values_; first != values_ + rows_ * columns_; first += width) {
        q.transform_row(*reinterpret_cast<float(*)[width]>(first));
      }
    }
  }

  /// Calls body(r, c, values) for each group that starts in rows [first, last) and left of `columns`.
  template <class Quantizer, class Body>
  void for_each_group(matrix_index first, matrix_index last, matrix_index columns,
                      Body const& body) const {
    constexpr auto tall = static_cast<std::size_t>(Quantizer::group.rows);
    constexpr auto wide = static_cast<std::size_t>(Quantizer::group.columns);
    matrix_index const last_row = std::min(last, rows_), last_column = std::min(columns, columns_);
    for (matrix_index r = first; r < last_row; r += matrix_index{tall}) {
      for (matrix_index c = 0; c < last_column; c += matrix_index{wide}) {
        if constexpr (tall == 1) {
          body(r, c, *reinterpret_cast<float const(*)[1][wide]>(row(r) + c));
        } else {
          float gathered[tall][wide];
          for (std::size_t i = 0; i < tall; ++i) {
            __builtin_memcpy(gathered[i], row(r + static_cast<matrix_index>(i)) + c, sizeof gathered[i]);
          }
          body(r, c, gathered);
        }
      }
    }
  }

 private:
  /// Reads what is laid out by columns, through tiles: a column's elements lie together, and each cache
  /// line is fetched once.
  template <class T>
  void turn(T const* source, matrix_index column_step, matrix_index tall, matrix_index wide) noexcept {
    constexpr matrix_index depth = 32, width = 16;
    float tile[std::size_t{width}][std::size_t{depth}];
    for (matrix_index c = 0; c < wide; c += width) {
      matrix_index const columns = std::min(width, wide - c);
      for (matrix_index r = 0; r < tall; r += depth) {
        matrix_index const rows = std::min(depth, tall - r);
        for (matrix_index i = 0; i < columns; ++i) {
          T const* const from = source + (c + i) * column_step + r;
          if (c + width + i < wide) __builtin_prefetch(from + width * column_step);
          for (matrix_index j = 0; j < rows; ++j) tile[i][j] = static_cast<float>(from[j]);
        }
        for (matrix_index j = 0; j < rows; ++j) {
          float* const to = row(r + j) + c;
          for (matrix_index i = 0; i < columns; ++i) to[i] = tile[i][j];
        }
      }
    }
  }

  std::vector<float> storage_;
  float* values_;
  matrix_index rows_ = 0, columns_ = 0;
};

/// How many rows of groups one piece of parallel work takes: about 2^15 elements.
[[nodiscard]] inline matrix_index grain_for(matrix_index group_rows, matrix_index columns) noexcept {
  matrix_index const row_elements = group_rows * (columns > 0 ? columns : 1);
  return row_elements >= 32768 ? 1 : 32768 / row_elements;
}

/// The panels that a matrix is worked through in: enough rows that a matrix read across its rows uses
/// whole cache lines, and few enough columns that a panel stays in the first or second cache.
template <class Quantizer>
class panel_loop {
 public:
  /// columns: of the matrix as quantized.
  template <class In>
  panel_loop(In const& in, matrix_index columns) noexcept : columns_(columns) {
    constexpr matrix_index tall = Quantizer::group.rows, wide = Quantizer::group.columns;
    bool const across = in.stride(1) != 1 && in.extent(0) > 1;
    rows_ = across ? ceil_div<matrix_index>(32, tall) * tall : tall;
    width_ = std::min(ceil_div<matrix_index>(across ? 512 : 2048, wide), ceil_div(columns, wide)) * wide;
    panels_ = ceil_div<matrix_index>(in.extent(0), rows_);
    grain_ = grain_for(rows_, columns);
  }

  /// How many pieces of parallel work there are.
  [[nodiscard]] matrix_index pieces() const noexcept { return ceil_div(panels_, grain_); }

  /// Calls body(piece, panel, row, column) for every panel, transformed.
  template <class In, class Parallel, class Body>
  void operator()(In const& in, Quantizer const& q, Parallel const& parallel, Body const& body) const {
    constexpr matrix_index wide = Quantizer::group.columns;
    parallel(panels_, grain_, [&](matrix_index first, matrix_index last) {
      panel values(rows_, width_);
      for (matrix_index row = first * rows_; row < last * rows_; row += rows_) {
        for (matrix_index column = 0; column < columns_; column += width_) {
          values.read(in, row, column, rows_,
                      std::min(width_, ceil_div(columns_ - column, wide) * wide));
          values.transform(q);
          body(first / grain_, values, row, column);
        }
      }
    });
  }

 private:
  matrix_index columns_, rows_ = 0, width_ = 0, panels_ = 0, grain_ = 1;
};

/// Writes the blocks of a group where they belong; what lies beyond the last row is dropped.
template <class Quantizer, class Block, class ScaleLayout>
void store(typename Quantizer::result_type const& blocks, matrix_index row, matrix_index column,
           quantized_view<Block, ScaleLayout> const& out) noexcept {
  constexpr matrix_index size = Block::size;
  for (int r = 0; r < Quantizer::group.rows && row + r < out.rows(); ++r) {
    for (int b = 0; b < Quantizer::blocks_per_row; ++b) {
      matrix_index const first = column + b * size;
      if (first >= out.columns()) break;
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

namespace detail {

/// Can the random numbers of a row be drawn at once?
template <class Quantizer>
concept draws_rows = Quantizer::group.rows == 1 && requires(Quantizer const& q, random::words* words) {
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
      : out_(out), q_(q), shared_(Quantizer::prepare({one_amax ? out.amax(0, 0) : 0.0f})),
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
  static constexpr auto shares = Quantizer::outer::shares;
  static constexpr bool one_amax =
      shares == tensor_scale::granularity::tensor || shares == tensor_scale::granularity::none;

  [[nodiscard]] std::uint64_t index(matrix_index row, matrix_index column) const noexcept {
    return origin_ + static_cast<std::uint64_t>(row) * pitch_ + static_cast<std::uint64_t>(column);
  }

  template <class Q>
  void encode_rows(panel const& values, matrix_index first, matrix_index last, matrix_index row,
                   matrix_index column, Q const& q) const {
    values.for_each_group<Q>(first, last, out_.columns() - column, [&](
        matrix_index r, matrix_index c, auto const& group) {
      auto const factors =
          one_amax ? shared_ : Quantizer::prepare({out_.amax_of(row + r, column + c)});
      position const at(index(row + r, column + c), pitch_);
      store<Quantizer>(q.encode(group, factors, at), row + r, column + c, out_);
    });
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
    static_assert(!is_by_row || Quantizer::group.rows == 1,
                  "got square tiles under an amax per row; a tile needs one amax");
    for (matrix_index r = 0; r < out.amax.extent(0); ++r) {
      for (matrix_index c = 0; c < out.amax.extent(1); ++c) out.amax(r, c) = 0;
    }
  }

  /// Takes in a panel that starts at (row, column) of the matrix as quantized; from any thread, where no
  /// two have the same row.
  void operator()(panel const& values, matrix_index row, matrix_index column) {
    std::uint32_t largest = 0;
    values.for_each_group<Quantizer>(0, out_.rows() - row, out_.columns() - column, [&](
        matrix_index r, matrix_index c, auto const& group) {
      std::uint32_t const found = float_bits(scaling::tile_amax(group));
      if constexpr (is_by_row) {
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
    if constexpr (!is_by_row) out_.amax(0, 0) = float_from_bits(largest_.load());
  }

 private:
  using granularity = tensor_scale::granularity;
  static constexpr granularity shares = Quantizer::outer::shares;
  static constexpr bool is_by_row = shares == granularity::row || shares == granularity::block_128;

  quantized_view<Block, ScaleLayout> out_;
  std::atomic<std::uint32_t> largest_{0};
};

}  // namespace detail

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
  detail::encoder<Quantizer, Block, ScaleLayout> const encode(out, q, where);
  detail::panel_loop<Quantizer> const panels(in, out.columns());
  panels(in, q, parallel, [&](matrix_index, detail::panel const& values, matrix_index row,
                              matrix_index column) { encode(values, row, column); });
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
  detail::amax_finder<Quantizer, Block, ScaleLayout> find(out);
  detail::panel_loop<Quantizer> const panels(in, out.columns());
  panels(in, q, parallel, [&](matrix_index, detail::panel const& values, matrix_index row,
                              matrix_index column) { find(values, row, column); });
  find.finish();
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
