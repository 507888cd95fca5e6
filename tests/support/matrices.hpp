// SPDX-License-Identifier: Apache-2.0
// Matrices to test with: varied numbers, buffers with guards around them, every stride.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include <nibble/quantized_matrix.hpp>

#include "oracle/blocks.hpp"

namespace fixture {

using nibble::matrix_index;

/// rows x columns of T; column_step and row_step elements apart, so also transposed or with gaps.
template <class T = float>
struct matrix {
  matrix_index rows, columns, row_step, column_step;
  std::vector<T> values;

  matrix(matrix_index rows_, matrix_index columns_)
      : matrix(rows_, columns_, columns_ > 0 ? columns_ : 1, 1) {}
  matrix(matrix_index rows_, matrix_index columns_, matrix_index row_step_, matrix_index column_step_)
      : rows(rows_), columns(columns_), row_step(row_step_), column_step(column_step_),
        values(static_cast<std::size_t>(rows * row_step + columns * column_step + 1)) {}

  T& operator()(matrix_index i, matrix_index j) {
    return values[static_cast<std::size_t>(i * row_step + j * column_step)];
  }
  T const& operator()(matrix_index i, matrix_index j) const {
    return values[static_cast<std::size_t>(i * row_step + j * column_step)];
  }
  /// The elements, row after row: not what lies between them or behind the last one.
  std::vector<T> elements() const {
    std::vector<T> result;
    for (matrix_index i = 0; i < rows; ++i) {
      for (matrix_index j = 0; j < columns; ++j) result.push_back((*this)(i, j));
    }
    return result;
  }
  nibble::matrix_view<T> view() { return view_of(values.data()); }
  nibble::matrix_view<T const> view() const { return view_of(values.data()); }

 private:
  template <class U>
  nibble::matrix_view<U> view_of(U* data) const {
    cuda::std::array<matrix_index, 2> const strides{row_step, column_step};
    return nibble::matrix_view<U>(data, {nibble::matrix_extents(rows, columns), strides});
  }
};

/// Numbers of a few bits over a few binades, so that scales and elements meet ties; no two rows and
/// no two columns alike.
inline float varied(std::uint64_t seed, matrix_index i, matrix_index j) {
  oracle::bit_source random(seed ^ static_cast<std::uint64_t>(i) * 0x1000003 ^
                            static_cast<std::uint64_t>(j) << 40);
  auto const integer = static_cast<float>(static_cast<int>(random.below(255)) - 127);
  auto const exponent = 127 - random.below(9);
  return integer * std::bit_cast<float>(exponent << 23);
}

template <class T = float>
matrix<T> filled(matrix_index rows, matrix_index columns, std::uint64_t seed = 1) {
  matrix<T> result(rows, columns);
  for (matrix_index i = 0; i < rows; ++i) {
    for (matrix_index j = 0; j < columns; ++j) {
      result(i, j) = static_cast<T>(varied(seed, i, j));
    }
  }
  return result;
}

/// A copy with other strides, poison between its elements.
template <class T>
matrix<T> restrided(matrix<T> const& from, matrix_index row_step, matrix_index column_step) {
  matrix<T> result(from.rows, from.columns, row_step, column_step);
  for (T& value : result.values) {
    value = static_cast<T>(-12345.0f);
  }
  for (matrix_index i = 0; i < from.rows; ++i) {
    for (matrix_index j = 0; j < from.columns; ++j) {
      result(i, j) = from(i, j);
    }
  }
  return result;
}

/// A quantized matrix over buffers filled with poison, with guards on both sides of each.
template <class Quantizer, class ScaleLayout = cuda::std::layout_right>
class poisoned {
 public:
  using block = typename Quantizer::block_type;
  using scale = typename block::scale_type;
  using shape_type = nibble::quantized_shape<block, ScaleLayout>;
  static constexpr std::size_t guard = 64;

  poisoned(matrix_index rows, matrix_index columns, bool keep_tiles = false)
      : shape(nibble::shape_for<Quantizer, ScaleLayout>(rows, columns, keep_tiles)),
        codes(static_cast<std::size_t>(shape.code_bytes()) + 2 * guard, 0xAA),
        scales((static_cast<std::size_t>(shape.scale_count())) * sizeof(scale) + 2 * guard, 0x7F),
        amax(static_cast<std::size_t>(shape.amax_count()) + 2 * guard, poison_amax) {}

  nibble::quantized_view<block, ScaleLayout> view() {
    auto made = nibble::make_quantized_view<block, ScaleLayout>(
        cuda::std::span<std::uint8_t>(codes.data() + guard, codes.size() - 2 * guard),
        cuda::std::span<scale>(reinterpret_cast<scale*>(scales.data() + guard),
                               static_cast<std::size_t>(shape.scale_count())),
        cuda::std::span<float>(amax.data() + guard, amax.size() - 2 * guard), shape);
    REQUIRE(made.has_value());
    return *made;
  }

  /// The bytes between the guards.
  std::vector<std::uint8_t> code_bytes() const { return inside(codes); }
  std::vector<std::uint8_t> scale_bytes() const { return inside(scales); }
  std::vector<float> amaxes() const { return inside(amax); }

  bool guards_hold() const {
    return holds(codes, std::uint8_t{0xAA}) && holds(scales, std::uint8_t{0x7F}) &&
           holds(amax, poison_amax);
  }
  bool untouched() const {
    auto const all = [](auto const& v, auto value) {
      return std::all_of(v.begin(), v.end(), [&](auto x) { return x == value; });
    };
    return all(codes, std::uint8_t{0xAA}) && all(scales, std::uint8_t{0x7F}) && all(amax, poison_amax);
  }

  shape_type shape;
  std::vector<std::uint8_t> codes, scales;
  std::vector<float> amax;
  static constexpr float poison_amax = 12345.0f;

 private:
  template <class T>
  static std::vector<T> inside(std::vector<T> const& v) {
    // Not by a pair of iterators, which g++ 14 takes for a deletion at an offset.
    std::span<T const> const all(v);
    auto const part = all.subspan(guard, v.size() - 2 * guard);
    std::vector<T> result;
    result.assign(part.begin(), part.end());
    return result;
  }
  template <class T>
  static bool holds(std::vector<T> const& v, T value) {
    bool good = true;
    for (std::size_t i = 0; i != guard; ++i) {
      good = good && v[i] == value && v[v.size() - 1 - i] == value;
    }
    return good;
  }
};

}  // namespace fixture
