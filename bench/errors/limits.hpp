// SPDX-License-Identifier: Apache-2.0
// The least error that a format allows: every scale and every table tried in doubles, by brute force and
// without the library's policies.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "errors/data.hpp"

namespace errors {

/// Magnitudes or values that the codes of a block can take.
using table = std::vector<double>;

inline table mirrored(std::initializer_list<double> magnitudes) {
  table all;
  for (double const value : magnitudes) {
    all.push_back(value);
    if (value != 0) all.push_back(-value);
  }
  std::sort(all.begin(), all.end());
  return all;
}
inline table with(table values, double special) {
  values.push_back(special);
  std::sort(values.begin(), values.end());
  return values;
}
inline table times(table values, double factor) {
  for (double& value : values) value *= factor;
  return values;
}

inline table const e2m1_table = mirrored({0, .5, 1, 1.5, 2, 3, 4, 6});
inline table const int4_table = mirrored({0, 1, 2, 3, 4, 5, 6, 7});

/// A format: tiles of rows x columns, scales, and the tables that each tile may choose from.
struct format {
  matrix_index rows, columns;
  std::vector<double> scales;
  std::vector<table> tables;
};

/// All positive numbers of a floating-point format without sign: the codes from 1 to `last`.
inline std::vector<double> floats(int mantissa_bits, int bias, int last) {
  std::vector<double> all;
  for (int code = 1; code <= last; ++code) {
    int const exponent = code >> mantissa_bits, mantissa = code & ((1 << mantissa_bits) - 1);
    double const significand = exponent > 0 ? mantissa + (1 << mantissa_bits) : mantissa;
    all.push_back(std::ldexp(significand, std::max(exponent, 1) - bias - mantissa_bits));
  }
  return all;
}
inline std::vector<double> powers_of_two() {
  std::vector<double> all;
  for (int exponent = -24; exponent <= 24; ++exponent) all.push_back(std::ldexp(1.0, exponent));
  return all;
}

/// The relative squared error in decibels when every tile takes its best scale and table. unit: what
/// a scale of 1 is worth.
inline double limit_of(format const& f, matrix const& m, double unit) {
  double error = 0, squares = 0;
  std::vector<double> values(static_cast<std::size_t>(f.rows * f.columns));
  for (matrix_index r = 0; r < m.size; r += f.rows) {
    for (matrix_index c = 0; c < m.size; c += f.columns) {
      double largest = 0, sum = 0;
      for (matrix_index i = 0; i < f.rows; ++i) {
        for (matrix_index j = 0; j < f.columns; ++j) {
          double const value =
              static_cast<double>(m.values[static_cast<std::size_t>((r + i) * m.size + c + j)]);
          values[static_cast<std::size_t>(i * f.columns + j)] = value;
          largest = std::fmax(largest, std::fabs(value));
          sum += value * value;
        }
      }
      double best = sum;  // of all zeros
      for (table const& t : f.tables) {
        for (double const scale : f.scales) {
          double const step = scale * unit;
          // Beyond these no scale can win: all codes 0, or the largest value cut to less than half.
          if (step * t.back() < 0.45 * largest || step * t.back() > 16 * largest) continue;
          double tile = 0;
          for (double const value : values) {
            double const x = value / step;
            auto const above = std::lower_bound(t.begin(), t.end(), x);
            double distance = INFINITY;
            if (above != t.end()) distance = *above - x;
            if (above != t.begin()) distance = std::fmin(distance, x - *(above - 1));
            tile += distance * distance * step * step;
            if (tile >= best) break;
          }
          best = std::fmin(best, tile);
        }
      }
      error += best;
      squares += sum;
    }
  }
  return 10 * std::log10(error / squares);
}

}  // namespace errors
