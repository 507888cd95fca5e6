// SPDX-License-Identifier: Apache-2.0
// One test body for host and device: sweep() runs a predicate over a range of indices, on all host
// cores when a host compiler builds the file, in a kernel when nvcc does.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <nibble/detail/config.hpp>

#if defined(__CUDACC__)
#include <cuda_runtime.h>

#include "support/is_brief.hpp"
#endif

namespace everywhere {

/// How many of the indices failed, and the smallest of them.
struct tally {
  unsigned long long failures = 0;
  unsigned long long first = ~0ULL;
};

inline void report(std::uint64_t count, tally const& result) {
  if (result.failures != 0) {
    std::printf("sweep: %llu of %llu indices failed, the first is %llu (0x%llx)\n", result.failures,
                static_cast<unsigned long long>(count), result.first, result.first);
  }
}

/// The number of indices below `count` for which `holds(index)` is false, by a loop on every core.
/// Use it where a check is for the host alone; sweep() is the one for host and device.
template <class Predicate>
std::uint64_t host_sweep(std::uint64_t count, Predicate const& holds) {
  constexpr std::uint64_t chunk = 1U << 16;
  std::atomic<std::uint64_t> next{0};
  std::atomic<unsigned long long> failures{0};
  std::atomic<unsigned long long> first{~0ULL};
  auto work = [&] {
    for (std::uint64_t begin = next.fetch_add(chunk); begin < count;
         begin = next.fetch_add(chunk)) {
      std::uint64_t const end = std::min(count, begin + chunk);
      tally mine;
      for (std::uint64_t i = begin; i < end; ++i) {
        if (!holds(i)) {
          ++mine.failures;
          mine.first = std::min<unsigned long long>(mine.first, i);
        }
      }
      if (mine.failures != 0) {
        failures += mine.failures;
        unsigned long long seen = first.load();
        while (mine.first < seen && !first.compare_exchange_weak(seen, mine.first)) {
        }
      }
    }
  };
  std::uint64_t const chunks = count / chunk + 1;
  std::uint64_t const cores = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (std::uint64_t t = 1; t < std::min(cores, chunks); ++t) {
    threads.emplace_back(work);
  }
  work();
  for (auto& thread : threads) {
    thread.join();
  }
  report(count, {failures.load(), first.load()});
  return failures.load();
}

#if defined(__CUDACC__)

inline void check(cudaError_t status, char const* what) {
  if (status != cudaSuccess) {
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
  }
}

/// Is there a device to run on? Without one it prints the words by which ctest counts the case as
/// skipped; where NIBBLE_REQUIRE_GPU=1 says that there must be one, it throws instead.
inline bool has_device() {
  int devices = 0;
  cudaError_t const status = cudaGetDeviceCount(&devices);
  if (status == cudaSuccess && devices > 0) {
    return true;
  }
  cudaGetLastError();
  char const* const required = std::getenv("NIBBLE_REQUIRE_GPU");
  if (required != nullptr && std::string(required) == "1") {
    throw std::runtime_error(std::string("NIBBLE_REQUIRE_GPU=1, but no GPU can be used: ") +
                             cudaGetErrorString(status));
  }
  if (status != cudaSuccess && status != cudaErrorNoDevice &&
      status != cudaErrorInsufficientDriver) {
    check(status, "cudaGetDeviceCount");
  }
  std::printf("no CUDA device\n");
  return false;
}

template <class Predicate>
__global__ void sweep_kernel(std::uint64_t count, std::uint64_t step, Predicate holds,
                             tally* result) {
  std::uint64_t const stride = std::uint64_t{gridDim.x} * blockDim.x;
  tally mine;
  for (std::uint64_t nth = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; nth < count / step;
       nth += stride) {
    std::uint64_t const i = nth * step + nth % step;  // of every step another one
    if (!holds(i)) {
      ++mine.failures;
      mine.first = mine.first < i ? mine.first : i;
    }
  }
  if (mine.failures != 0) {
    atomicAdd(&result->failures, mine.failures);
    atomicMin(&result->first, mine.first);
  }
}

/// The number of indices below `count` for which `holds(index)` is false on the device; 0 where
/// there is no device, and the case then counts as skipped. Where NIBBLE_BRIEF=1 says that each is slow, of
/// one in sixteen, or of as many as leave 2^20.
template <class Predicate>
std::uint64_t sweep(std::uint64_t count, Predicate const& holds) {
  static_assert(std::is_trivially_copyable_v<Predicate>,
                "a predicate is copied to the device: make it trivially copyable");
  if (!has_device()) {
    return 0;
  }
  tally result;
  tally* on_device = nullptr;
  check(cudaMalloc(&on_device, sizeof(tally)), "cudaMalloc");
  check(cudaMemcpy(on_device, &result, sizeof(tally), cudaMemcpyHostToDevice), "cudaMemcpy");
  std::uint64_t const step = fixture::is_brief() ? std::clamp<std::uint64_t>(count >> 20, 1, 16) : 1;
  std::uint64_t const blocks = std::clamp<std::uint64_t>((count / step + 255) / 256, 1, 8192);
  sweep_kernel<<<static_cast<unsigned>(blocks), 256>>>(count, step, holds, on_device);
  check(cudaGetLastError(), "launch of the sweep");
  check(cudaDeviceSynchronize(), "sweep");
  check(cudaMemcpy(&result, on_device, sizeof(tally), cudaMemcpyDeviceToHost), "cudaMemcpy");
  check(cudaFree(on_device), "cudaFree");
  report(count, result);
  return result.failures;
}

#else

/// The number of indices below `count` for which `holds(index)` is false on the host.
template <class Predicate>
std::uint64_t sweep(std::uint64_t count, Predicate const& holds) {
  return host_sweep(count, holds);
}

#endif

}  // namespace everywhere
