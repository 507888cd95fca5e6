// SPDX-License-Identifier: Apache-2.0
// The hottest columns: by an independent sort, ties, and the pieces they leave.
#include <nibble/hot_channels.hpp>

#include <doctest/doctest.h>

#include <cfenv>
#include <limits>
#include <set>

#include "support/matrices.hpp"

using namespace nibble;

TEST_CASE("the hottest columns are those of the largest sums of squares, in order") {
  auto m = fixture::filled(16, 40, 3);
  for (int i = 0; i < 16; ++i) m(i, 7) *= 100, m(i, 31) *= 50, m(i, 2) *= 80;
  for (int t : {1, 3}) {
    CHECK(hot_channels(m.view(), 7, threads{t}) == std::vector<matrix_index>{2, 7, 31});
  }
  std::set<std::pair<double, matrix_index>> by_heat;
  for (int j = 0; j < 40; ++j) {
    double sum = 0;
    for (int i = 0; i < 16; ++i) sum -= static_cast<double>(m(i, j)) * static_cast<double>(m(i, j));
    by_heat.emplace(sum, j);
  }
  std::set<matrix_index> expected;
  for (auto at = by_heat.begin(); expected.size() < 10; ++at) expected.insert(at->second);
  CHECK(hot_channels(m.view(), 25) == std::vector<matrix_index>(expected.begin(), expected.end()));
  CHECK(hot_channels(m.view(), 0).empty());
  CHECK(hot_channels(m.view(), 100).size() == 40);
  CHECK_THROWS_AS(static_cast<void>(hot_channels(m.view(), 101)), std::invalid_argument);
}

TEST_CASE("of equal columns the lower one is hotter") {
  fixture::matrix<> m(2, 10);
  for (float& value : m.values) value = 1;
  CHECK(hot_channels(m.view(), 20) == std::vector<matrix_index>{0, 1});
}

TEST_CASE("a column with a NaN is hotter than any other, infinity too, and hides none") {
  fixture::matrix<> m(2, 6);
  float const nan = std::numeric_limits<float>::quiet_NaN();
  float const first[6] = {1, nan, 3, std::numeric_limits<float>::infinity(), -nan, 2};
  for (int j = 0; j < 6; ++j) m(0, j) = first[j];
  CHECK(hot_channels(m.view(), 16) == std::vector<matrix_index>{1});
  CHECK(hot_channels(m.view(), 33) == std::vector<matrix_index>{1, 4});
  CHECK(hot_channels(m.view(), 50) == std::vector<matrix_index>{1, 3, 4});
  CHECK(hot_channels(m.view(), 66) == std::vector<matrix_index>{1, 2, 3, 4});
}

TEST_CASE("a thread that rounds otherwise is refused") {
  fixture::matrix<> m(2, 10);
  std::fesetround(FE_UPWARD);
  CHECK_THROWS_AS(static_cast<void>(hot_channels(m.view(), 20)), std::runtime_error);
  std::fesetround(FE_TONEAREST);
}

TEST_CASE("gathered and without are the two parts of a matrix") {
  auto const m = fixture::filled(3, 6, 4);
  std::vector<matrix_index> const hot{1, 4};
  auto const part = gathered(m.view(), hot), rest = without(m.view(), hot);
  for (int i = 0; i < 3; ++i) {
    CHECK(part[static_cast<std::size_t>(i * 2)] == m(i, 1));
    CHECK(part[static_cast<std::size_t>(i * 2 + 1)] == m(i, 4));
    for (int j = 0; j < 6; ++j) {
      CHECK(rest[static_cast<std::size_t>(i * 6 + j)] == (j == 1 || j == 4 ? 0 : m(i, j)));
    }
  }
}
