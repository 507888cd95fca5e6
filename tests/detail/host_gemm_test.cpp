// SPDX-License-Identifier: Apache-2.0
// The loop nest of products: where panels put elements, sums in increasing k, every tile once.
#include <nibble/detail/host_gemm.hpp>

#include <doctest/doctest.h>

#include <atomic>

#include <nibble/threads.hpp>

using namespace nibble::detail;

namespace {

template <class Real, int Rows>
panels<Real, Rows> numbered(std::int64_t rows, std::int64_t depth) {
  panels<Real, Rows> result(rows, depth);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t k = 0; k < depth; ++k) {
      result.at(r, k) = static_cast<Real>((r * 31 + k * 17) % 23 - 11);
    }
  }
  return result;
}

template <class Real>
int product_violations(std::int64_t m, std::int64_t n, std::int64_t depth) {
  auto const a = numbered<Real, tile_rows>(m, depth);
  auto const b = numbered<Real, tile_columns<Real>>(n, depth);
  std::vector<Real> product(static_cast<std::size_t>(m * n), Real{-1});
  std::atomic<int> tiles{0};
  for_each_tile(a, b, nibble::threads{2}, [&](std::int64_t row, std::int64_t column) {
    ++tiles;
    auto const sums = multiply_panels(a.panel(row), b.panel(column), 0, depth);
    for (std::int64_t i = row * tile_rows; i < std::min((row + 1) * tile_rows, m); ++i) {
      for (std::int64_t j = column * tile_columns<Real>;
           j < std::min((column + 1) * tile_columns<Real>, n); ++j) {
        product[static_cast<std::size_t>(i * n + j)] = sums.value[i % tile_rows][j % tile_columns<Real>];
      }
    }
  });
  int wrong = tiles == a.count() * b.count() ? 0 : 1;
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      std::int64_t sum = 0;
      for (std::int64_t k = 0; k < depth; ++k) {
        sum += ((i * 31 + k * 17) % 23 - 11) * ((j * 31 + k * 17) % 23 - 11);
      }
      wrong += product[static_cast<std::size_t>(i * n + j)] == static_cast<Real>(sum) ? 0 : 1;
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("a panel holds its rows k by k, and zeros for rows that do not exist") {
  auto const p = numbered<double, 6>(8, 3);
  CHECK(p.count() == 2);
  for (std::int64_t r = 0; r < 12; ++r) {
    for (std::int64_t k = 0; k < 3; ++k) {
      double const expected = r < 8 ? static_cast<double>((r * 31 + k * 17) % 23 - 11) : 0.0;
      CHECK(p.panel(r / 6)[k * 6 + r % 6] == expected);
    }
  }
}

TEST_CASE("products of integers are exact for tiles with and without missing rows and columns") {
  for (std::int64_t const m : {1, 5, 6, 7, 12, 100}) {
    for (std::int64_t const n : {1, 7, 8, 9, 16, 33}) {
      CHECK(product_violations<float>(m, n, 5) == 0);
      CHECK(product_violations<double>(m, n, 40) == 0);
    }
  }
  CHECK(product_violations<double>(3, 3, 0) == 0);
  CHECK(product_violations<double>(0, 3, 4) == 0);
}

TEST_CASE("a sum starts at zero, takes k in order and stops before the last") {
  panels<float, tile_rows> a(1, 4);
  panels<float, tile_columns<float>> b(1, 4);
  float const left[4] = {0x1p24f, 1, -0x1p24f, 1};
  for (std::int64_t k = 0; k < 4; ++k) {
    a.at(0, k) = left[k];
    b.at(0, k) = 1;
  }
  auto const sum = [&](std::int64_t first, std::int64_t last) {
    return multiply_panels(a.panel(0), b.panel(0), first, last).value[0][0];
  };
  CHECK(sum(0, 4) == 1.0f);  // 2^24 + 1 is 2^24, then -2^24, then 1; any other order gives 0 or 2
  CHECK(sum(1, 4) == -0x1p24f + 2);
  CHECK(sum(0, 2) == 0x1p24f);
  CHECK(sum(3, 4) == 1.0f);
  CHECK(sum(2, 2) == 0.0f);
}
