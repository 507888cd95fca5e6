// SPDX-License-Identifier: Apache-2.0
// Eight kinds of data to lose precision on, from a fixed sequence.
#pragma once

#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include <nibble/matrix.hpp>

#include "measure.hpp"

namespace errors {

using nibble::matrix_index;
using nibble::matrix_view;

inline constexpr std::size_t kinds = 8;
inline constexpr std::array<char const*, kinds> kind_names{
    "gauss", "laplace", "t(3)", "sqReLU", "iid outlier", "hot chan", "hot token", "mean bias"};

struct matrix {
  matrix_index size;
  std::vector<float> values;
  [[nodiscard]] matrix_view<float const> view() const {
    return *nibble::make_matrix_view<float const>(
        cuda::std::span<float const>(values.data(), values.size()), size, size);
  }
};

/// `count` different numbers below `size`.
inline std::vector<matrix_index> some_of(bench::generator& random, matrix_index size,
                                         matrix_index count) {
  std::vector<matrix_index> all(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<matrix_index>(i);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    std::swap(all[i], all[i + random.bits() % (all.size() - i)]);
  }
  all.resize(static_cast<std::size_t>(count));
  return all;
}

/// Blocks run along rows; hot channels, hot tokens and means belong to columns. Laplace and t(3) have
/// variance 1: a scale that is a power of two sees how large the data are.
inline matrix draw(std::size_t kind, matrix_index size, std::uint64_t seed) {
  bench::generator random(seed * kinds + kind);
  matrix m{size, std::vector<float>(static_cast<std::size_t>(size * size))};
  std::vector<double> factor(static_cast<std::size_t>(size), 1),
      mean(static_cast<std::size_t>(size), 0);
  if (kind == 5 || kind == 6) {
    for (auto const j : some_of(random, size, size / (kind == 5 ? 128 : 64))) {
      factor[static_cast<std::size_t>(j)] = 30;
    }
  }
  if (kind == 7) {
    for (double& value : mean) value = 2 * random.normal();
  }
  for (std::size_t i = 0; i < m.values.size(); ++i) {
    std::size_t const column = i % static_cast<std::size_t>(size);
    double x = random.normal();
    switch (kind) {
      case 1: {
        double const u = random.uniform() - 0.5;
        x = std::copysign(std::log(1 - 2 * std::fabs(u)), u) / std::sqrt(2.0);
        break;
      }
      case 2: {
        double chi = 0;
        for (int k = 0; k < 3; ++k) {
          double const n = random.normal();
          chi += n * n;
        }
        x /= std::sqrt(chi);
        break;
      }
      case 3:
        x = x > 0 ? x * x : 0;
        break;
      case 4:
        if (random.uniform() < 0.005) x += 100 * random.normal();
        break;
      default:
        x = x * factor[column] + mean[column];
    }
    m.values[i] = static_cast<float>(x);
  }
  return m;
}

}  // namespace errors
