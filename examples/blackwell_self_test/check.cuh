// SPDX-License-Identifier: Apache-2.0
// What every part of the self-test uses: device memory, one line a check, and an instruction beside the
// portable path for every input.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "nibble/detail/bits.hpp"

namespace self_test {

using nibble::detail::float_bits;
using nibble::detail::float_from_bits;

inline void require(cudaError_t status, char const* what) {
  if (status == cudaSuccess) return;
  std::printf("%s: %s\n", what, cudaGetErrorString(status));
  std::exit(2);
}

/// 64 bits for every index (splitmix64).
NIBBLE_HD inline std::uint64_t mixed(std::uint64_t i) {
  std::uint64_t z = (i + 1) * 0x9E37'79B9'7F4A'7C15u;
  z = (z ^ z >> 30) * 0xBF58'476D'1CE4'E5B9u;
  z = (z ^ z >> 27) * 0x94D0'49BB'1331'11EBu;
  return z ^ z >> 31;
}

/// Words drawn one after the other, the same in every run.
class words {
 public:
  std::uint32_t operator()() { return static_cast<std::uint32_t>(mixed(drawn_++) >> 32); }

 private:
  std::uint64_t drawn_ = 0;
};

/// Objects of T in device memory.
template <class T>
class device_array {
 public:
  explicit device_array(std::size_t size) : size_(size) {
    require(cudaMalloc(&data_, (size_ + 1) * sizeof(T)), "cudaMalloc");
  }
  explicit device_array(std::vector<T> const& from) : device_array(from.size()) {
    require(cudaMemcpy(data_, from.data(), size_ * sizeof(T), cudaMemcpyHostToDevice),
            "cudaMemcpy");
  }
  device_array(device_array const&) = delete;
  ~device_array() { cudaFree(data_); }

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// What kernels made of them; `what` says which, should one have failed.
  [[nodiscard]] std::vector<T> copied(char const* what) const {
    require(cudaGetLastError(), what);
    std::vector<T> result(size_);
    require(cudaMemcpy(result.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost), what);
    return result;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_;
};

inline int passed = 0, failed = 0;

/// Does NIBBLE_BRIEF=1 say that each input is slow, as it is where the program is interpreted?
inline bool is_brief() {
  char const* const brief = std::getenv("NIBBLE_BRIEF");
  return brief != nullptr && *brief == '1';
}

inline void print_heading(char const* what, char const* counted) {
  std::printf("%-52s %12s %12s\n", what, counted, "differences");
}

/// What was compared so often, how often it differed, and of the first difference where, got and need.
struct outcome {
  unsigned long long count, differences, at, got, need;

  /// One more, and whether it is as it should be.
  void add(std::uint64_t have, std::uint64_t want) {
    if (have != want && differences++ == 0) {
      at = count;
      got = have;
      need = want;
    }
    ++count;
  }
};

inline void print(char const* name, outcome const& o) {
  std::printf("%-52s %12llu %12llu", name, o.count, o.differences);
  if (o.differences != 0) std::printf("  at 0x%llx: got 0x%llx, need 0x%llx", o.at, o.got, o.need);
  std::printf("\n");
  o.differences == 0 ? ++passed : ++failed;
}

/// What an instruction made of one input, and what the portable path did.
struct comparison {
  std::uint64_t got, need;
};

/// Which inputs are asked for: the i-th is first + i, or where they are thinned out one of every 65536 from 0 on
/// (as floats: all bf16), then one of every 65537.
struct inputs {
  std::uint64_t first, count;
  bool are_thinned;

  [[nodiscard]] __device__ std::uint64_t operator[](std::uint64_t i) const {
    if (!are_thinned) return first + i;
    return i < count / 2 ? i << 16 : (i - count / 2) * 65537;
  }
};

template <class Check>
__global__ void compare_kernel(Check check, inputs in, outcome* result) {
  std::uint64_t const stride = std::uint64_t{gridDim.x} * blockDim.x;
  for (std::uint64_t i = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < in.count;
       i += stride) {
    comparison const a = check(in[i]);
    if (a.got != a.need) {
      atomicAdd(&result->differences, 1ULL);
      atomicMin(&result->at, in[i]);
      result->got = a.got;
      result->need = a.need;
    }
  }
}

/// check(i), a comparison, for i below count; for some of them where each is slow.
template <class Check>
void compare(char const* name, std::uint64_t count, Check const& check) {
  bool const are_thinned = count > 1u << 22 && is_brief();
  inputs const in{0, are_thinned ? 2 * (count >> 16) : count, are_thinned};
  device_array<outcome> on_device(std::vector<outcome>{{in.count, 0, ~0ULL, 0, 0}});
  std::uint64_t const blocks = (in.count + 255) / 256;
  compare_kernel<<<static_cast<unsigned>(blocks < 16384 ? blocks : 16384), 256>>>(
      check, in, on_device.data());
  outcome result = on_device.copied(name)[0];
  if (result.differences != 0) {
    // The first once more and alone: the kernel above keeps what any of them got.
    compare_kernel<<<1, 1>>>(check, inputs{result.at, 1, false}, on_device.data());
    auto const first = on_device.copied(name)[0];
    result.got = first.got;
    result.need = first.need;
  }
  print(name, result);
}

}  // namespace self_test
