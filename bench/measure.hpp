// SPDX-License-Identifier: Apache-2.0
// What the benchmarks share: a clock, a generator of data, and who measured where.
#pragma once

#include <time.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace bench {

/// Seconds of processor time that this thread has used: other programs on the machine do not count.
[[nodiscard]] inline double thread_seconds() noexcept {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// The least processor time of one call, of as many as fit `budget` seconds, at least five.
template <class Work>
[[nodiscard]] double best_seconds(Work&& work, double budget = 0.4) {
  work();  // touches the memory
  double best = INFINITY;
  double const begin = thread_seconds();
  for (int run = 0; run < 5 || thread_seconds() - begin < budget; ++run) {
    double const start = thread_seconds();
    work();
    best = std::fmin(best, thread_seconds() - start);
  }
  return best;
}

/// Numbers of a fixed sequence (splitmix64), so that every machine measures the same data.
class generator {
 public:
  explicit generator(std::uint64_t seed) noexcept : state_(seed) {}
  [[nodiscard]] std::uint64_t bits() noexcept {
    std::uint64_t z = state_ += 0x9E37'79B9'7F4A'7C15u;
    z = (z ^ (z >> 30)) * 0xBF58'476D'1CE4'E5B9u;
    z = (z ^ (z >> 27)) * 0x94D0'49BB'1331'11EBu;
    return z ^ (z >> 31);
  }
  /// In (0, 1).
  [[nodiscard]] double uniform() noexcept {
    return (static_cast<double>(bits() >> 12) + 0.5) * 0x1p-52;
  }
  /// Standard normal (Box and Muller's; both numbers are used).
  [[nodiscard]] double normal() noexcept {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    double const radius = std::sqrt(-2 * std::log(uniform()));
    double const angle = 6.283185307179586 * uniform();
    spare_ = radius * std::sin(angle);
    has_spare_ = true;
    return radius * std::cos(angle);
  }

 private:
  std::uint64_t state_;
  double spare_ = 0;
  bool has_spare_ = false;
};

/// The rest of the first line of `path` that starts with `key`, after a colon if there is one.
[[nodiscard]] inline std::string line_of(char const* path, std::string const& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    auto const colon = line.find(':');
    return colon == std::string::npos || colon + 2 > line.size() ? line : line.substr(colon + 2);
  }
  return "unknown";
}

/// Prints compiler, flags, processor and load, and warns where the machine is not idle.
inline void print_machine() {
#if defined(__clang__)
  std::printf("compiler   clang %s\n", __clang_version__);
#else
  std::printf("compiler   g++ %s\n", __VERSION__);
#endif
#if defined(NIBBLE_BENCH_FLAGS)
  std::printf("flags      %s\n", NIBBLE_BENCH_FLAGS);
#else
  std::printf("flags      %s%s%s\n",
#if defined(__OPTIMIZE__)
              "optimized",
#else
              "NOT OPTIMIZED: the numbers mean nothing",
#endif
#if defined(__AVX512F__)
              ", AVX-512",
#elif defined(__AVX2__)
              ", AVX2",
#else
              ", no AVX2",
#endif
#if defined(NDEBUG)
              ", NDEBUG"
#else
              ""
#endif
  );
#endif
  double const load = std::atof(line_of("/proc/loadavg", "").c_str());
  std::printf("processor  %s, %u cores\n", line_of("/proc/cpuinfo", "model name").c_str(),
              std::thread::hardware_concurrency());
  std::printf(
      "load       %.2f%s\n", load,
      load > 0.5 ? "  NOT IDLE: other programs take cache, memory bandwidth and clock" : "");
}

/// A column of text, padded or not.
[[nodiscard]] inline std::string format(char const* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

}  // namespace bench
