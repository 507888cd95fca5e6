// SPDX-License-Identifier: Apache-2.0
// A matrix in pieces of floats: the one place of the host that knows of strides, element types and
// edges.
#pragma once

#include <algorithm>
#include <vector>

#include "nibble/arch/lanes/transpose.hpp"
#include "nibble/view.hpp"

namespace nibble::detail {

/// A piece of a matrix as floats, completed with zeros: what the loops below work on. Only this
/// class knows of strides, element types and ragged edges.
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
    if (column_step != 1 && row_step == 1) {
      return turn(source, column_step, tall, wide, in.extent(1) - first_column);
    }
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
    turn(other.values_, other.columns_, other.columns_, other.rows_, other.rows_);
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

  /// Calls body(r, c, values) for each group that starts in rows [first, last) and left of
  /// `columns`.
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
            __builtin_memcpy(gathered[i], row(r + static_cast<matrix_index>(i)) + c,
                             sizeof gathered[i]);
          }
          body(r, c, gathered);
        }
      }
    }
  }

 private:
  /// Reads what is laid out by columns, through tiles: a column's elements lie together, and each
  /// cache line is fetched once.
  template <class T>
  void turn(T const* source, matrix_index column_step, matrix_index tall, matrix_index wide,
            matrix_index known) noexcept {
    constexpr matrix_index depth = 32, width = 16;
    float tile[std::size_t{width}][std::size_t{depth}];
    for (matrix_index c = 0; c < wide; c += width) {
      matrix_index const columns = std::min(width, wide - c);
      for (matrix_index r = 0; r < tall; r += depth) {
        matrix_index const rows = std::min(depth, tall - r);
        for (matrix_index i = 0; i < columns; ++i) {
          T const* const from = source + (c + i) * column_step + r;
          if (c + width + i < known) __builtin_prefetch(from + width * column_step);
          for (matrix_index j = 0; j < rows; ++j) tile[i][j] = static_cast<float>(from[j]);
        }
#if NIBBLE_HAS_LANES
        if (rows == depth && columns == width) {
          for (matrix_index j = 0; j < depth; j += arch::lanes::count) {
            turn_rows(tile, j, row(r + j) + c);
          }
          continue;
        }
#endif
        for (matrix_index j = 0; j < rows; ++j) {
          float* const to = row(r + j) + c;
          for (matrix_index i = 0; i < columns; ++i) to[i] = tile[i][j];
        }
      }
    }
  }

#if NIBBLE_HAS_LANES
  /// Writes columns [first, first + lanes::count) of a tile as rows.
  template <std::size_t Width, std::size_t Depth>
  void turn_rows(float const (&tile)[Width][Depth], matrix_index first, float* to) const noexcept {
    namespace lanes = arch::lanes;
    for (std::size_t i = 0; i < Width; i += std::size_t{lanes::count}) {
      lanes::floats square[std::size_t{lanes::count}];
      for (std::size_t k = 0; k < std::size_t{lanes::count}; ++k) {
        square[k] = lanes::load<lanes::floats>(tile[i + k] + first);
      }
      lanes::transpose(square);
      for (std::size_t k = 0; k < std::size_t{lanes::count}; ++k) {
        lanes::store(square[k], to + static_cast<matrix_index>(k) * columns_ + i);
      }
    }
  }
#endif

  std::vector<float> storage_;
  float* values_;
  matrix_index rows_ = 0, columns_ = 0;
};

/// How many rows of groups one piece of parallel work takes: about 2^15 elements.
[[nodiscard]] inline matrix_index grain_for(matrix_index group_rows,
                                            matrix_index columns) noexcept {
  matrix_index const row_elements = group_rows * (columns > 0 ? columns : 1);
  return row_elements >= 32768 ? 1 : 32768 / row_elements;
}

/// The panels that a matrix is worked through in: enough rows that a matrix read across its rows
/// uses whole cache lines, and few enough columns that a panel stays in the first or second cache.
template <class Quantizer>
class panel_loop {
 public:
  /// columns: of the matrix as quantized.
  template <class In>
  panel_loop(In const& in, matrix_index columns) noexcept : columns_(columns) {
    constexpr matrix_index tall = Quantizer::group.rows, wide = Quantizer::group.columns;
    bool const across = in.stride(1) != 1 && in.extent(0) > 1;
    rows_ = across ? ceil_div<matrix_index>(128, tall) * tall : tall;
    width_ =
        std::min(ceil_div<matrix_index>(across ? 128 : 2048, wide), ceil_div(columns, wide)) * wide;
    panels_ = ceil_div<matrix_index>(in.extent(0), rows_);
    grain_ = grain_for(rows_, columns);
  }

  /// How many pieces of parallel work there are.
  [[nodiscard]] matrix_index pieces() const noexcept { return ceil_div(panels_, grain_); }

  /// Calls body(piece, panel, row, column) for every panel, transformed.
  template <class In, class Parallel, class Body>
  void operator()(In const& in, Quantizer const& q, Parallel const& parallel,
                  Body const& body) const {
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

}  // namespace nibble::detail
