// SPDX-License-Identifier: Apache-2.0
// Every piece runs once, in any number of threads; an exception comes home.
#include "train_lm/parallel_for.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace train_lm;

TEST_CASE("train_lm: parallel_for runs every piece exactly once") {
  for (int const threads : {1, 2, 5}) {
    parallel_for const parallel{threads};
    CHECK(parallel.threads() == threads);
    for (int round = 0; round < 300; ++round) {
      extent const count = round % 40;
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
      parallel(count, [&](extent piece) { ++runs[static_cast<std::size_t>(piece)]; });
      for (auto const& each : runs) REQUIRE(each == 1);
    }
  }
}

TEST_CASE("train_lm: parallel_for hands an exception to the caller and works on") {
  for (int const threads : {1, 4}) {
    parallel_for const parallel{threads};
    auto const fails = [&] {
      parallel(100, [](extent piece) {
        if (piece == 37) throw std::runtime_error("piece 37");
      });
    };
    CHECK_THROWS_WITH_AS(fails(), "piece 37", std::runtime_error);
    std::atomic<extent> total{0};
    parallel(10, [&](extent piece) { total += piece; });
    CHECK(total == 45);
  }
}
