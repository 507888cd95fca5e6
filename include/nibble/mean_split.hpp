// SPDX-License-Identifier: Apache-2.0
// A matrix as the mean of its rows and what is left: the whole-matrix step of a recipe that quantizes
// only the second, with the rank-one term that puts the first back.
#pragma once

#include <vector>

#include "nibble/detail/host_check.hpp"
#include "nibble/detail/host_panel.hpp"
#include "nibble/threads.hpp"

namespace nibble {

namespace detail {

/// Checks that there is one number for each of so many rows or columns.
inline void require_one_each(std::size_t got, matrix_index need, char const* function,
                             char const* what) {
  require(static_cast<matrix_index>(got) == need, std::string(function) + ": got " +
                                                      std::to_string(got) + " " + what + ", need " +
                                                      std::to_string(need));
}

}  // namespace detail

/// The mean of every column.
///
/// rule    summed in FP64 in increasing row, divided in FP64, rounded to FP32.
/// errors  0 for a matrix without rows; std::runtime_error as quantize.
/// bits    identical on every machine, for any number of threads; a NaN is 0x7FC00000.
template <class In, class Parallel = threads>
[[nodiscard]] std::vector<float> column_means(In const& in, Parallel const& parallel = {}) {
  detail::require_ieee("nibble::column_means");
  matrix_index const rows = in.extent(0);
  std::vector<float> means(static_cast<std::size_t>(in.extent(1)));
  parallel(in.extent(1), detail::grain_for(1, rows), [&](matrix_index first, matrix_index last) {
    std::vector<double> sums(static_cast<std::size_t>(last - first));
    for (matrix_index i = 0; i < rows; ++i) {
      for (matrix_index j = first; j < last; ++j) {
        sums[static_cast<std::size_t>(j - first)] +=
            static_cast<double>(static_cast<float>(in(i, j)));
      }
    }
    for (matrix_index j = first; j < last; ++j) {
      double const mean =
          rows == 0 ? 0.0 : sums[static_cast<std::size_t>(j - first)] / static_cast<double>(rows);
      means[static_cast<std::size_t>(j)] = detail::canonical(arch::constant::narrow(mean));
    }
  });
  return means;
}

/// The matrix less the mean of its column, one FP32 subtraction an element; rows one after the other.
///
/// errors  std::invalid_argument for another number of means than columns, std::runtime_error as
///         quantize.
/// bits    identical on every machine, for any number of threads; NaN aside.
template <class In, class Parallel = threads>
[[nodiscard]] std::vector<float> centered(In const& in, std::vector<float> const& means,
                                          Parallel const& parallel = {}) {
  matrix_index const columns = in.extent(1);
  detail::require_ieee("nibble::centered");
  detail::require_one_each(means.size(), columns, "nibble::centered", "means of columns");
  std::vector<float> result(static_cast<std::size_t>(in.extent(0) * columns));
  parallel(in.extent(0), detail::grain_for(1, columns), [&](matrix_index first, matrix_index last) {
    for (matrix_index i = first; i < last; ++i) {
      for (matrix_index j = 0; j < columns; ++j) {
        result[static_cast<std::size_t>(i * columns + j)] =
            arch::subtract(static_cast<float>(in(i, j)), means[static_cast<std::size_t>(j)]);
      }
    }
  });
  return result;
}

/// sum_k weights[k] m(j, k) for every row j: what the mean contributes to a product with m.
///
/// rule    products of floats are exact in FP64; summed in FP64 in increasing k, rounded to FP32.
/// errors  std::invalid_argument for another number of weights than columns, std::runtime_error as
///         quantize.
/// bits    identical on every machine, for any number of threads; a NaN is 0x7FC00000.
template <class In, class Parallel = threads>
[[nodiscard]] std::vector<float> times_rows(In const& m, std::vector<float> const& weights,
                                            Parallel const& parallel = {}) {
  detail::require_ieee("nibble::times_rows");
  detail::require_one_each(weights.size(), m.extent(1), "nibble::times_rows", "weights of columns");
  std::vector<float> result(static_cast<std::size_t>(m.extent(0)));
  parallel(m.extent(0), detail::grain_for(1, m.extent(1)),
           [&](matrix_index first, matrix_index last) {
             for (matrix_index j = first; j < last; ++j) {
               double sum = 0;
               for (matrix_index k = 0; k < m.extent(1); ++k) {
                 sum += static_cast<double>(static_cast<float>(m(j, k))) *
                        static_cast<double>(weights[static_cast<std::size_t>(k)]);
               }
               result[static_cast<std::size_t>(j)] = detail::canonical(arch::constant::narrow(sum));
             }
           });
  return result;
}

/// out(i, j) += (scale * left[i]) * right[j]; left empty: ones. The rank-one epilogue.
///
/// errors  std::invalid_argument for another number of factors than rows or columns,
///         std::runtime_error as quantize.
/// bits    identical on every machine, for any number of threads; a NaN is 0x7FC00000.
template <class Out, class Parallel = threads>
void add_rank_one(Out const& out, float scale, std::vector<float> const& left,
                  std::vector<float> const& right, Parallel const& parallel = {}) {
  detail::require_ieee("nibble::add_rank_one");
  if (!left.empty()) {
    detail::require_one_each(left.size(), out.extent(0), "nibble::add_rank_one", "factors of rows");
  }
  detail::require_one_each(right.size(), out.extent(1), "nibble::add_rank_one",
                           "factors of columns");
  parallel(out.extent(0), detail::grain_for(1, out.extent(1)),
           [&](matrix_index first, matrix_index last) {
             for (matrix_index i = first; i < last; ++i) {
               float const factor =
                   left.empty() ? scale : arch::multiply(scale, left[static_cast<std::size_t>(i)]);
               for (matrix_index j = 0; j < out.extent(1); ++j) {
                 float const term = arch::multiply(factor, right[static_cast<std::size_t>(j)]);
                 out(i, j) = static_cast<std::remove_cv_t<typename Out::value_type>>(
                     detail::canonical(arch::add(static_cast<float>(out(i, j)), term)));
               }
             }
           });
}

}  // namespace nibble
