// SPDX-License-Identifier: Apache-2.0
// Codes by addition: every float is device_sweep's; here are the ties and specials, and the random numbers.
#include <doctest/doctest.h>

#include <vector>

#include <nibble/arch/e2m1.cuh>
#include <nibble/format/encode.hpp>

#include "support/device_memory.cuh"

namespace {

__global__ void encode(float const* values, unsigned* nearest, unsigned* stochastic, int count) {
  int const i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) return;
  nearest[i] = nibble::arch::encode_e2m1_magnitude(values[i]);
  for (unsigned random = 0; random < 256; ++random) {
    stochastic[i] += nibble::arch::encode_e2m1_magnitude_stochastic<8>(values[i], random) !=
                     (nibble::format::encode<nibble::format::e2m1, nibble::format::stochastic<8>>(
                          values[i], random) & 7u);
  }
}

}  // namespace

TEST_CASE("codes by addition equal the integer encoder around every tie, for every random byte") {
  if (!fixture::has_device()) return;
  std::vector<float> values;
  for (float const tie : {0.0f, .25f, .5f, .75f, 1.f, 1.25f, 1.5f, 1.75f, 2.f, 2.5f, 3.f, 3.5f, 4.f, 5.f, 6.f,
                          7.f, 8.f, 64.f, 16384.f, 0x1p23f, 0x1p100f}) {
    for (int step = -70; step <= 70; ++step) {
      auto const bits = nibble::detail::float_bits(tie) + static_cast<std::uint32_t>(step);
      values.push_back(nibble::detail::float_from_bits(bits));
      values.push_back(nibble::detail::float_from_bits(bits ^ 0x8000'0000u));
    }
  }
  for (std::uint32_t bits = 0x3D80'0000u; bits < 0x40E0'0000u; bits += 0x1'F123u) {
    values.push_back(nibble::detail::float_from_bits(bits));
  }
  fixture::device_vector<float> const in(values.begin(), values.end());
  fixture::device_vector<unsigned> nearest(values.size()), wrong(values.size());
  auto const count = static_cast<int>(values.size());
  encode<<<(count + 255) / 256, 256>>>(in.data(), nearest.data(), wrong.data(), count);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const codes = fixture::copied(nearest), differences = fixture::copied(wrong);
  int different = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    different += codes[i] != (nibble::format::encode<nibble::format::e2m1>(values[i]) & 7u);
    different += differences[i] != 0;
  }
  CHECK(different == 0);
}
