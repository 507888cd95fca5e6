// SPDX-License-Identifier: Apache-2.0
// The columns of a matrix that carry its outliers, taken apart for a product of their own.
#pragma once

#include <algorithm>
#include <vector>

#include "nibble/detail/host_check.hpp"
#include "nibble/detail/host_panel.hpp"
#include "nibble/threads.hpp"

namespace nibble {

namespace detail {

/// Is a column with one sum of squares hotter than one with another? NaN is above infinity, so that
/// the order is one for every sum.
[[nodiscard]] NIBBLE_HD constexpr bool is_hotter(double sum, double other) noexcept {
  return sum > other || (sum != sum && other == other);
}

}  // namespace detail

/// The `percent` of the columns (rounded up) with the largest sums of squares, in increasing order.
///
/// rule    summed in FP64 in increasing row (squares of floats are exact there); of equal sums the
///         lower column comes first.
/// errors  std::invalid_argument for a percent outside 0 to 100, std::runtime_error as quantize.
///         Columns with a NaN are the hottest, all alike.
/// bits    identical on every machine, for any number of threads.
template <class In, class Parallel = threads>
[[nodiscard]] std::vector<matrix_index> hot_channels(In const& in, int percent,
                                                     Parallel const& parallel = {}) {
  detail::require(
      percent >= 0 && percent <= 100,
      "nibble::hot_channels: got " + std::to_string(percent) + " percent, need 0 to 100");
  detail::require_ieee("nibble::hot_channels");
  matrix_index const columns = in.extent(1);
  std::vector<double> sums(static_cast<std::size_t>(columns));
  parallel(columns, detail::grain_for(1, in.extent(0)), [&](matrix_index first, matrix_index last) {
    for (matrix_index i = 0; i < in.extent(0); ++i) {
      for (matrix_index j = first; j < last; ++j) {
        auto const value = static_cast<double>(static_cast<float>(in(i, j)));
        sums[static_cast<std::size_t>(j)] += value * value;
      }
    }
  });
  std::vector<matrix_index> order(static_cast<std::size_t>(columns));
  for (matrix_index j = 0; j < columns; ++j) order[static_cast<std::size_t>(j)] = j;
  std::stable_sort(order.begin(), order.end(), [&](matrix_index a, matrix_index b) {
    return detail::is_hotter(sums[static_cast<std::size_t>(a)], sums[static_cast<std::size_t>(b)]);
  });
  order.resize(static_cast<std::size_t>((columns * percent + 99) / 100));
  std::sort(order.begin(), order.end());
  return order;
}

/// These columns side by side, as floats; rows one after the other.
///
/// errors  a column outside the matrix is undefined.
template <class In>
[[nodiscard]] std::vector<float> gathered(In const& in, std::vector<matrix_index> const& columns) {
  std::vector<float> result;
  result.reserve(static_cast<std::size_t>(in.extent(0)) * columns.size());
  for (matrix_index i = 0; i < in.extent(0); ++i) {
    for (matrix_index const j : columns) result.push_back(static_cast<float>(in(i, j)));
  }
  return result;
}

/// The whole matrix as floats, with zeros in these columns.
///
/// errors  a column outside the matrix is undefined.
template <class In>
[[nodiscard]] std::vector<float> without(In const& in, std::vector<matrix_index> const& columns) {
  matrix_index const wide = in.extent(1);
  std::vector<float> result(static_cast<std::size_t>(in.extent(0) * wide));
  for (matrix_index i = 0; i < in.extent(0); ++i) {
    float* const row = result.data() + i * wide;
    for (matrix_index j = 0; j < wide; ++j) row[j] = static_cast<float>(in(i, j));
    for (matrix_index const j : columns) row[j] = 0;
  }
  return result;
}

}  // namespace nibble
