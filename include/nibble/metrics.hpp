// SPDX-License-Identifier: Apache-2.0
// How well a quantized matrix stands for the original: what one looks at before trusting a recipe.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>

#include "nibble/dequantize.hpp"

namespace nibble {

/// Sums over the elements of one or several matrices.
///
/// units   of the values themselves, and of their squares; the ratios below have none.
struct error_report {
  std::int64_t count = 0;      // elements compared, NaN aside
  std::int64_t nan_count = 0;  // elements that are NaN
  std::int64_t flushed = 0;    // nonzero elements that became zero
  std::int64_t saturated = 0;  // elements beyond the largest number of their block
  double sum_squares = 0;      // of the original
  double sum_squared_error = 0;
  double sum_error = 0;  // quantized minus original: the bias
  double largest_error = 0;

  /// The squared error relative to the squares; 0 where both are 0.
  [[nodiscard]] double relative_mse() const noexcept {
    return sum_squared_error == 0 ? 0 : sum_squared_error / sum_squares;
  }
  /// The signal-to-quantization-noise ratio in decibels.
  [[nodiscard]] double sqnr_db() const noexcept { return -10 * std::log10(relative_mse()); }
  /// The mean error in units of the root mean square of the original.
  [[nodiscard]] double relative_bias() const noexcept {
    return sum_error == 0 ? 0 : sum_error / std::sqrt(sum_squares * static_cast<double>(count));
  }
  [[nodiscard]] double flushed_share() const noexcept { return share(flushed); }
  [[nodiscard]] double saturated_share() const noexcept { return share(saturated); }

  /// Adds the sums of another report.
  error_report& operator+=(error_report const& other) noexcept {
    count += other.count;
    nan_count += other.nan_count;
    flushed += other.flushed;
    saturated += other.saturated;
    sum_squares += other.sum_squares;
    sum_squared_error += other.sum_squared_error;
    sum_error += other.sum_error;
    largest_error = std::fmax(largest_error, other.largest_error);
    return *this;
  }

 private:
  [[nodiscard]] double share(std::int64_t n) const noexcept {
    return count == 0 ? 0 : static_cast<double>(n) / static_cast<double>(count);
  }
};

/// One line for a person.
[[nodiscard]] inline std::string to_string(error_report const& r) {
  char line[160];
  std::snprintf(
      line, sizeof line,
      "SQNR %6.2f dB  bias %+.1e  to zero %6.3f %%  saturated %6.3f %%  largest error %.3g",
      r.sqnr_db(), r.relative_bias(), 100 * r.flushed_share(), 100 * r.saturated_share(),
      r.largest_error);
  return line;
}

/// The heading that belongs to to_csv.
inline constexpr char const* error_report_csv_heading =
    "count,nan,flushed,saturated,relative_mse,sqnr_db,relative_bias,largest_error";

/// One line for a program.
[[nodiscard]] inline std::string to_csv(error_report const& r) {
  char line[256];
  std::snprintf(line, sizeof line, "%lld,%lld,%lld,%lld,%.9g,%.4f,%.9g,%.9g",
                static_cast<long long>(r.count), static_cast<long long>(r.nan_count),
                static_cast<long long>(r.flushed), static_cast<long long>(r.saturated),
                r.relative_mse(), r.sqnr_db(), r.relative_bias(), r.largest_error);
  return line;
}

/// Compares a quantized matrix with what it was made from, in the domain of its codes: under a
/// transform the transformed values are compared.
///
/// rule    saturated: the code is one of the two largest and the value is beyond it.
/// errors  as dequantize.
/// bits    the same for any number of threads: sums of pieces are added in order.
template <class In, class Block, class ScaleLayout, class Quantizer, class Parallel = threads>
[[nodiscard]] error_report compare(In const& original,
                                   quantized_view<Block, ScaleLayout> const& quantized,
                                   Quantizer const& q, Parallel const& parallel = {}) {
  using plain = std::remove_const_t<Block>;
  constexpr matrix_index size = plain::size;
  constexpr matrix_index group_rows = Quantizer::group.rows,
                         group_columns = Quantizer::group.columns;
  auto const need = shape_for<Quantizer>(original.extent(0), original.extent(1));
  detail::require_ieee("nibble::compare");
  detail::require(quantized.rows() == need.rows && quantized.columns() == need.columns,
                  "nibble::compare: got a quantized matrix of " +
                      detail::shape_text(quantized.rows(), quantized.columns()) + ", need " +
                      detail::shape_text(need.rows, need.columns));
  detail::panel_loop<Quantizer> const panels(original, need.columns);
  std::vector<error_report> reports(static_cast<std::size_t>(panels.pieces()));

  panels(
      original, q, parallel,
      [&](matrix_index piece, detail::panel const& values, matrix_index first_row,
          matrix_index first_column) {
        error_report& report = reports[static_cast<std::size_t>(piece)];
        values.for_each_group<Quantizer>(
            0, need.rows - first_row, need.columns - first_column,
            [&](matrix_index group_row, matrix_index group_column, auto const& group) {
              matrix_index const row = first_row + group_row, column = first_column + group_column;
              for (matrix_index r = 0; r < group_rows && row + r < need.rows; ++r) {
                for (matrix_index c = 0; c < group_columns && column + c < need.columns; ++c) {
                  if (c % size != 0) continue;
                  auto const block = detail::load_block(quantized, row + r, (column + c) / size);
                  auto const decoded = Quantizer::decode(
                      block, Quantizer::prepare({quantized.amax_of(row + r, column + c)}));
                  for (matrix_index i = 0; i < size && column + c + i < need.columns; ++i) {
                    float const value = group[r][c + i], back = decoded[static_cast<int>(i)];
                    if (value != value) {
                      ++report.nan_count;
                      continue;
                    }
                    double const error = static_cast<double>(back) - static_cast<double>(value);
                    std::uint32_t const code = block.codes[static_cast<int>(i)].bits() &
                                               plain::element_type::format.magnitude_mask();
                    ++report.count;
                    report.flushed += value != 0 && back == 0;
                    report.saturated += code == plain::element_type::format.max_code() &&
                                        detail::magnitude(value) > detail::magnitude(back);
                    report.sum_squares += static_cast<double>(value) * static_cast<double>(value);
                    report.sum_squared_error += error * error;
                    report.sum_error += error;
                    report.largest_error = std::fmax(report.largest_error, std::fabs(error));
                  }
                }
              }
            });
      });
  error_report total;
  for (auto const& report : reports) total += report;
  return total;
}

}  // namespace nibble
