// SPDX-License-Identifier: Apache-2.0
// The loop nest under every product on the host: D = A B^T on operands already decoded to floats or
// doubles. One order of summation, increasing k, whatever the number of threads.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace nibble::detail {

/// An operand, decoded and laid out for the inner loop: panels of Rows rows, k by k.
///
/// shape   ceil(rows / Rows) panels of depth x Rows values; missing rows are zeros.
template <class Real, int Rows>
class panels {
 public:
  panels(std::int64_t rows, std::int64_t depth)
      : rows_(rows), depth_(depth), values_(static_cast<std::size_t>(count() * Rows * depth)) {}

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t depth() const noexcept { return depth_; }
  [[nodiscard]] std::int64_t count() const noexcept { return (rows_ + Rows - 1) / Rows; }
  [[nodiscard]] Real const* panel(std::int64_t p) const noexcept {
    return values_.data() + p * Rows * depth_;
  }
  /// Element (row, k).
  [[nodiscard]] Real& at(std::int64_t row, std::int64_t k) noexcept {
    return values_[static_cast<std::size_t>((row / Rows * depth_ + k) * Rows + row % Rows)];
  }

 private:
  std::int64_t rows_, depth_;
  std::vector<Real> values_;
};

/// The register tile: 6 rows of one 64-byte vector each (two registers with AVX2, four with SSE).
/// 12 of AVX2's 16 registers then hold sums, which is what a fused multiply-add needs to stay busy.
inline constexpr int tile_rows = 6;
template <class Real>
inline constexpr int tile_columns = 64 / static_cast<int>(sizeof(Real));

template <class Real>
struct tile_sums {
  Real value[tile_rows][static_cast<std::size_t>(tile_columns<Real>)];
};

/// The sums over k in [first, last) of one tile, each in increasing k from zero.
template <class Real>
[[nodiscard]] inline tile_sums<Real> multiply_panels(Real const* a, Real const* b,
                                                     std::int64_t first,
                                                     std::int64_t last) noexcept {
  constexpr int columns = tile_columns<Real>;
  typedef Real vector __attribute__((vector_size(64)));
  vector sums[tile_rows] = {};
  for (std::int64_t k = first; k < last; ++k) {
    vector right;
    std::memcpy(&right, b + k * columns, sizeof(right));
    Real const* const left = a + k * tile_rows;
    for (int i = 0; i < tile_rows; ++i) sums[i] += left[i] * right;
  }
  tile_sums<Real> result;
  std::memcpy(result.value, sums, sizeof(sums));
  return result;
}

/// Calls finish(row panel, column panel) for every tile of the product, in parallel over row
/// panels.
template <class Real, class Parallel, class Finish>
void for_each_tile(panels<Real, tile_rows> const& a, panels<Real, tile_columns<Real>> const& b,
                   Parallel const& parallel, Finish const& finish) {
  // Column panels outside: one panel of B (depth x 64 bytes) stays in the first-level cache while
  // the rows of a piece pass by.
  std::int64_t const grain = a.count() > 16 ? 8 : 1;
  parallel(a.count(), grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t column = 0; column < b.count(); ++column) {
      for (std::int64_t row = first; row < last; ++row) finish(row, column);
    }
  });
}

}  // namespace nibble::detail
