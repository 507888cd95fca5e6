// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

// This test needs CUDA's headers; without them its one case says so.
#if __has_include(<cuda_fp4.h>)
#include <nibble/interop/cuda_types.hpp>

namespace {
template <class T>
int codes_that_change() {
  int changed = 0;
  for (std::uint32_t code = 0; code <= T::format.mask(); ++code) {
    T const number = T::from_bits(code);
    auto const there = nibble::interop::to_cuda(number);
    changed += nibble::interop::from_cuda<T>(there).bits() != code;
    changed += static_cast<std::uint32_t>(nibble::detail::bit_cast<typename T::storage>(there)) != code;
    float const theirs = static_cast<float>(there), ours = static_cast<float>(number);
    changed += !(theirs == ours || (theirs != theirs && ours != ours));
  }
  return changed;
}
}  // namespace

TEST_CASE("every code is CUDA's code, of the same value") {
  CHECK(codes_that_change<nibble::fp4_e2m1>() == 0);
  CHECK(codes_that_change<nibble::fp6_e2m3>() == 0);
  CHECK(codes_that_change<nibble::fp6_e3m2>() == 0);
  CHECK(codes_that_change<nibble::fp8_e4m3>() == 0);
  CHECK(codes_that_change<nibble::fp8_e5m2>() == 0);
  CHECK(codes_that_change<nibble::e8m0>() == 0);
  CHECK(codes_that_change<nibble::bf16>() == 0);
  CHECK(codes_that_change<nibble::fp16>() == 0);
}
#else
TEST_CASE("every code is CUDA's code, of the same value" * doctest::skip()) {}
#endif
