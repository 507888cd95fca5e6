// SPDX-License-Identifier: Apache-2.0
// The parallel loop: every index once, pieces where they were promised, exceptions thrown on.
#include <nibble/threads.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using nibble::threads;

TEST_CASE("every index belongs to exactly one piece, and pieces begin at multiples of the grain") {
  for (int const count : {0, 1, 2, 3, 7, 100}) {
    for (std::int64_t const size : {0, 1, 2, 99, 100, 101, 1000}) {
      for (std::int64_t const grain : {1, 2, 7, 100, 5000}) {
        std::vector<std::atomic<int>> hits(static_cast<std::size_t>(size));
        std::atomic<int> misplaced{0};
        threads{count}(size, grain, [&](std::int64_t first, std::int64_t last) {
          misplaced += first % grain != 0 || last <= first || last - first > grain ||
                               (last != size && last - first != grain)
                           ? 1
                           : 0;
          for (std::int64_t i = first; i < last; ++i) {
            ++hits[static_cast<std::size_t>(i)];
          }
        });
        bool once = true;
        for (auto const& hit : hits) {
          once &= hit == 1;
        }
        CHECK_UNARY(once && misplaced == 0);
      }
    }
  }
}

TEST_CASE("no index, no call") {
  int calls = 0;
  threads{}(0, 10, [&](auto, auto) { ++calls; });
  CHECK(calls == 0);
}

TEST_CASE("one thread is the calling one, in order") {
  std::string order;
  auto const caller = std::this_thread::get_id();
  bool same = true;
  threads{1}(7, 3, [&](std::int64_t first, std::int64_t last) {
    order += std::to_string(first) + "-" + std::to_string(last) + " ";
    same &= std::this_thread::get_id() == caller;
  });
  CHECK(order == "0-3 3-6 6-7 ");
  CHECK(same);
}

TEST_CASE("an exception of a piece reaches the caller after all threads have stopped") {
  for (int const count : {1, 2, 5}) {
    std::atomic<int> running{0};
    std::atomic<int> begun{0};
    auto const body = [&](std::int64_t first, std::int64_t) {
      ++running;
      ++begun;
      if (first == 3) {
        --running;
        throw std::domain_error("piece 3");
      }
      --running;
    };
    CHECK_THROWS_WITH_AS(threads{count}(100'000, 1, body), "piece 3", std::domain_error);
    CHECK(running == 0);
    CHECK(begun < 100'000);
    // The object keeps nothing of the failure.
    int calls = 0;
    threads{1}(2, 1, [&](auto, auto) { ++calls; });
    CHECK(calls == 2);
  }
}
