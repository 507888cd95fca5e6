// SPDX-License-Identifier: Apache-2.0
// All 2^32 floats, on every core, against a table of intervals made from exact fractions.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

#include "oracle/formats.hpp"

namespace sweep {

/// NIBBLE_LONG=1 asks for what takes minutes.
inline bool is_long() {
  char const* const wanted = std::getenv("NIBBLE_LONG");
  return wanted != nullptr && std::string_view(wanted) == "1";
}

/// Calls work(first, last) for pieces that together hold every 32-bit pattern, on every core.
template <class Work>
void every_pattern(Work const& work) {
  std::atomic<std::uint32_t> next{0};
  auto const run = [&] {
    for (std::uint32_t piece = next++; piece < 256; piece = next++) {
      work(piece << 24, piece << 24 | 0xFF'FFFFu);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned t = 1; t < std::max(1u, std::thread::hardware_concurrency()); ++t) {
    threads.emplace_back(run);
  }
  run();
  for (auto& thread : threads) {
    thread.join();
  }
}

/// The number of 2^24-float pieces in which encode(float) differs from the table.
template <class Encode>
unsigned pieces_with_differences(oracle::interval_table const& expected, Encode const& encode) {
  std::atomic<unsigned> wrong{0};
  every_pattern([&](std::uint32_t first, std::uint32_t last) {
    wrong +=
        expected
            .first_mismatch(first, last,
                            [&](std::uint32_t bits) { return encode(std::bit_cast<float>(bits)); })
            .found;
  });
  return wrong;
}

}  // namespace sweep
