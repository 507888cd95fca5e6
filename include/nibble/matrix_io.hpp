// SPDX-License-Identifier: Apache-2.0
// Printing of matrices, quantized ones too: the top left corner, in columns, with the shape above.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "nibble/dequantize.hpp"
#include "nibble/io.hpp"

namespace nibble {

/// How much of a matrix is printed.
///
/// units   rows; columns of elements, of a quantized matrix rounded up to whole blocks.
struct print_extents {
  matrix_index rows = 8;
  matrix_index columns = 16;
};

/// A matrix with what is to be printed of it; see show().
template <class Matrix>
struct shown {
  Matrix matrix;
  print_extents most;
};

/// Makes a matrix printable: std::cout << show(m), std::format("{:.2f}", show(m)).
///
/// shape   m: an mdspan of rank 2, a quantized_view or a quantized_matrix; it must outlive the call.
/// rule    the shape; then the rows that fit, their columns aligned, "..." where something is left
///         out. Of a quantized matrix each block is scale * [values of codes], and the amax, or the
///         smallest and the largest of several, stand beside the shape.
template <class T, class Extents, class Layout, class Accessor>
[[nodiscard]] auto show(cuda::std::mdspan<T, Extents, Layout, Accessor> const& m,
                        print_extents most = {}) {
  static_assert(Extents::rank() == 2, "got a rank other than 2; only a matrix can be shown");
  return shown<cuda::std::mdspan<T, Extents, Layout, Accessor>>{m, most};
}
template <class Block, class ScaleLayout>
[[nodiscard]] auto show(quantized_view<Block, ScaleLayout> const& m, print_extents most = {}) {
  return shown<quantized_view<Block, ScaleLayout>>{m, most};
}
template <class Block, class ScaleLayout>
[[nodiscard]] auto show(quantized_matrix<Block, ScaleLayout> const& m, print_extents most = {}) {
  return show(m.view(), most);
}

namespace detail {

/// The cells of some rows under one another, to the right of each column.
[[nodiscard]] inline std::string aligned(std::vector<std::vector<std::string>> const& rows,
                                         bool is_cut_right, bool is_cut_below) {
  std::vector<std::size_t> widths;
  for (auto const& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (auto const& row : rows) {
    text += "\n ";
    for (std::size_t c = 0; c < row.size(); ++c) {
      text.append(1 + widths[c] - row[c].size(), ' ').append(row[c]);
    }
    if (is_cut_right) text += " ...";
  }
  return is_cut_below ? text + "\n  ..." : text;
}

template <class TextOf, class T, class Extents, class Layout, class Accessor>
[[nodiscard]] std::string matrix_text(
    TextOf& text_of, shown<cuda::std::mdspan<T, Extents, Layout, Accessor>> const& s) {
  auto const rows = static_cast<matrix_index>(s.matrix.extent(0));
  auto const columns = static_cast<matrix_index>(s.matrix.extent(1));
  std::vector<std::vector<std::string>> cells;
  for (matrix_index r = 0; r < std::min(rows, s.most.rows); ++r) {
    auto& row = cells.emplace_back();
    for (matrix_index c = 0; c < std::min(columns, s.most.columns); ++c) {
      row.push_back(text_of(static_cast<float>(s.matrix(r, c))));
    }
  }
  return shape_text(rows, columns) + aligned(cells, columns > s.most.columns, rows > s.most.rows);
}

template <class TextOf, class Block, class ScaleLayout>
[[nodiscard]] std::string matrix_text(TextOf& text_of,
                                      shown<quantized_view<Block, ScaleLayout>> const& s) {
  constexpr matrix_index size = std::remove_const_t<Block>::size;
  auto const& m = s.matrix;
  matrix_index const blocks = ceil_div(m.columns(), size);
  matrix_index const most = ceil_div(s.most.columns, size);
  std::string text = shape_text(m.rows(), m.columns()) + " in blocks of " + std::to_string(size);
  if (m.amax.extent(0) * m.amax.extent(1) > 0) {
    float least = m.amax(0, 0), largest = least;
    for (matrix_index r = 0; r < m.amax.extent(0); ++r) {
      for (matrix_index c = 0; c < m.amax.extent(1); ++c) {
        least = std::min(least, m.amax(r, c));
        largest = std::max(largest, m.amax(r, c));
      }
    }
    bool const is_one = m.amax.extent(0) * m.amax.extent(1) == 1;
    text.append(is_one ? ", amax " : ", amaxes ").append(text_of(least));
    if (!is_one) text.append(" to ").append(text_of(largest));
  }
  std::vector<std::vector<std::string>> cells;
  for (matrix_index r = 0; r < std::min(m.rows(), s.most.rows); ++r) {
    auto& row = cells.emplace_back();
    for (matrix_index b = 0; b < std::min(blocks, most); ++b) {
      auto const block = load_block(m, r, b);
      row.push_back(text_of(static_cast<float>(block.scale)) + " *");
      auto const count = static_cast<int>(std::min(size, m.columns() - b * size));
      for (int i = 0; i < count; ++i) {
        std::string cell = i == 0 ? "[" : "";
        cell.append(text_of(value_of(block, i))).append(i == count - 1 ? "]" : "");
        row.push_back(std::move(cell));
      }
    }
  }
  return text + aligned(cells, blocks > most, m.rows() > s.most.rows);
}

}  // namespace detail

template <class Matrix>
std::ostream& operator<<(std::ostream& out, shown<Matrix> const& s) {
  detail::text_of_stream text_of(out);
  return out << detail::matrix_text(text_of, s);
}
template <class Block, class ScaleLayout>
std::ostream& operator<<(std::ostream& out, quantized_view<Block, ScaleLayout> const& m) {
  return out << show(m);
}
template <class Block, class ScaleLayout>
std::ostream& operator<<(std::ostream& out, quantized_matrix<Block, ScaleLayout> const& m) {
  return out << show(m);
}

}  // namespace nibble

#if defined(__cpp_lib_format)
/// Formats a matrix as operator<< does; a specification is that of each float.
template <class Matrix>
struct std::formatter<nibble::shown<Matrix>> : nibble::detail::each_as_float {
  template <class Context>
  auto format(nibble::shown<Matrix> const& s, Context& context) const {
    auto text = this->text_of();
    return this->write(nibble::detail::matrix_text(text, s), context);
  }
};
#endif
