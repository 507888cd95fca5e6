// SPDX-License-Identifier: Apache-2.0
// Every code times every scale is exact in both 16-bit formats, and a NaN scale stays NaN.
#include <doctest/doctest.h>

#include <nibble/block.hpp>
#include <nibble/mma/sixteen_bit.cuh>

#include "support/device_memory.cuh"

namespace {

using namespace nibble;

/// One thread, one scale byte, in either place of two; counts products that are not exact.
template <class T>
__global__ void check(int* wrong) {
  auto const byte = threadIdx.x;
  int count = 0;
  for (int place = 0; place < 2; ++place) {
    std::uint32_t scales[2] = {};
    mma::scale_pairs<T>(static_cast<std::uint16_t>(place == 0 ? byte | 0x3800u : byte << 8 | 0x38u), scales);
    std::uint32_t pairs[2][4] = {};
    mma::decode_scaled<T>(0x7654'3210u, scales[place], pairs[0]);
    mma::decode_scaled<T>(0xFEDC'BA98u, scales[place], pairs[1]);
    auto const scale = static_cast<float>(fp8_e4m3::from_bits(byte));
    for (int code = 0; code < 16; ++code) {
      std::uint32_t const half = pairs[code / 8][code % 4] >> (code % 8 / 4 * 16) & 0xFFFFu;
      float const got = static_cast<float>(T::from_bits(half)) * mma::undo_scaled<T>;
      float const need = static_cast<float>(fp4_e2m1::from_bits(code)) * scale;
      count += scale == scale ? got != need : got == got;
    }
  }
  if (count != 0) atomicAdd(wrong, count);
}

template <class T>
int wrong_products() {
  fixture::device_vector<int> wrong(1, 0);
  check<T><<<1, 128>>>(wrong.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return wrong[0];
}

}  // namespace

// bugs: A20
TEST_CASE("every code times every scale is exact in bf16 and in halves") {
  if (!fixture::has_device()) return;
  CHECK(wrong_products<bf16>() == 0);
  CHECK(wrong_products<fp16>() == 0);
}
