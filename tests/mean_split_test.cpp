// SPDX-License-Identifier: Apache-2.0
// The mean split: means of doubles, what is left, and the rank-one terms, element by element.
#include <nibble/mean_split.hpp>

#include <doctest/doctest.h>

#include <cfenv>
#include <cmath>

#include "support/matrices.hpp"

using namespace nibble;

TEST_CASE("the means are the correctly rounded means of the columns, for any threads and strides") {
  auto const m = fixture::filled(37, 21, 5);
  auto const means = column_means(m.view(), threads{1});
  CHECK(column_means(m.view(), threads{3}) == means);
  CHECK(column_means(fixture::restrided(m, 1, 50).view()) == means);
  int wrong = 0;
  for (int j = 0; j < 21; ++j) {
    long double sum = 0;
    for (int i = 0; i < 37; ++i) sum += static_cast<long double>(m(i, j));
    wrong += means[static_cast<std::size_t>(j)] != static_cast<float>(sum / 37);
  }
  CHECK(wrong == 0);
}

TEST_CASE("what is left is the matrix less the mean of its column") {
  auto const m = fixture::filled(5, 7, 6);
  std::vector<float> const means{1, 2, 3, 4, 5, 6, 7};
  auto const rest = centered(m.view(), means);
  for (int i = 0; i < 5; ++i) {
    for (int j = 0; j < 7; ++j) {
      CHECK(rest[static_cast<std::size_t>(i * 7 + j)] == m(i, j) - means[static_cast<std::size_t>(j)]);
    }
  }
  CHECK_THROWS_AS(static_cast<void>(centered(m.view(), {1, 2})), std::invalid_argument);
}

TEST_CASE("the rank-one epilogue adds scale * left * right, or right to every row") {
  fixture::matrix<> out(2, 3);
  add_rank_one(out.view(), 2, {3, 4}, {1, 10, 100});
  CHECK(out.values[0] == 6);
  CHECK(out.values[5] == 800);
  add_rank_one(out.view(), 1, {}, {1, 2, 3});
  CHECK(out.values[0] == 7);
  CHECK(out.values[5] == 803);
}

TEST_CASE("times_rows is the product of a matrix and a vector") {
  auto const m = fixture::filled(4, 3, 8);
  auto const got = times_rows(m.view(), {1, -2, 0.5f});
  for (int j = 0; j < 4; ++j) {
    CHECK(got[static_cast<std::size_t>(j)] ==
          static_cast<float>(static_cast<double>(m(j, 0)) - 2 * static_cast<double>(m(j, 1)) +
                             static_cast<double>(m(j, 2)) / 2));
  }
}

TEST_CASE("a sum that is NaN is one NaN, whatever the machine makes of infinity less infinity") {
  fixture::matrix<> m(2, 2);
  float const infinity = nibble::detail::float_from_bits(nibble::detail::infinity_bits);
  m.values = {infinity, -infinity, -infinity, infinity};
  for (auto const& made : {column_means(m.view()), times_rows(m.view(), {1, 1})}) {
    for (float const each : made) CHECK(nibble::detail::float_bits(each) == 0x7FC0'0000u);
  }
}

TEST_CASE("vectors of another length, and a thread that rounds otherwise, are refused") {
  fixture::matrix<> m(2, 3);
  std::vector<float> const two{1, 2}, three{1, 2, 3};
  CHECK_THROWS_WITH_AS(static_cast<void>(centered(m.view(), two)),
                       "nibble::centered: got 2 means of columns, need 3", std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(times_rows(m.view(), two)), std::invalid_argument);
  CHECK_THROWS_AS(add_rank_one(m.view(), 1, three, three), std::invalid_argument);
  CHECK_THROWS_AS(add_rank_one(m.view(), 1, {}, two), std::invalid_argument);
  CHECK_THROWS_AS(add_rank_one(m.view(), 1, two, two), std::invalid_argument);
  std::fesetround(FE_TOWARDZERO);
  CHECK_THROWS_AS(static_cast<void>(centered(m.view(), three)), std::runtime_error);
  CHECK_THROWS_AS(static_cast<void>(times_rows(m.view(), three)), std::runtime_error);
  CHECK_THROWS_AS(add_rank_one(m.view(), 1, two, three), std::runtime_error);
  std::fesetround(FE_TONEAREST);
}

TEST_CASE("a matrix without rows has means of zero") {
  fixture::matrix<> const none(0, 3);
  CHECK(column_means(none.view()) == std::vector<float>(3));
}
