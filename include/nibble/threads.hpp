// SPDX-License-Identifier: Apache-2.0
// The one parallel loop of the host algorithms. Any callable of the same form can take its place.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace nibble {

/// Calls body(first, last) for pieces that cover [0, count), each of at most `grain` indices, on
/// several threads. Which thread takes a piece is open, where a piece begins is not: so a body that
/// writes only what its indices own gives results that do not depend on the number of threads.
///
/// errors  the first exception of a body is thrown on; pieces not yet begun are then left out.
struct threads {
  int count = 0;  // 0: as many as the machine has

  template <class Body>
  void operator()(std::int64_t size, std::int64_t grain, Body const& body) const {
    std::int64_t const pieces = (size + grain - 1) / grain;
    int const available = static_cast<int>(std::thread::hardware_concurrency());
    auto const workers = std::min<std::int64_t>(count > 0 ? count : std::max(available, 1), pieces);
    std::atomic<std::int64_t> next{0};
    std::exception_ptr failure;
    std::mutex failure_mutex;

    auto const work = [&] {
      for (std::int64_t piece = next++; piece < pieces; piece = next++) {
        try {
          body(piece * grain, std::min(size, (piece + 1) * grain));
        } catch (...) {
          std::lock_guard const lock(failure_mutex);
          if (!failure) failure = std::current_exception();
          next = pieces;
        }
      }
    };
    {
      std::vector<std::jthread> others;
      for (std::int64_t i = 1; i < workers; ++i) others.emplace_back(work);
      work();
    }
    if (failure) std::rethrow_exception(failure);
  }
};

}  // namespace nibble
