// SPDX-License-Identifier: Apache-2.0
// The digits of every code under every scale.
#include <doctest/doctest.h>

#include <nibble/device/digits.cuh>
#include <nibble/fp4_e2m1.hpp>
#include <nibble/fp8_e4m3.hpp>

#include "support/has_device.cuh"
#include "support/managed.cuh"

namespace {

using namespace nibble;
namespace parts = device::detail;

/// Thread s splits a block of all sixteen codes, the last one first, under the scale of bits s.
__global__ void split(std::uint32_t (*digits)[3][4], int* scales, int* is_nan) {
  std::uint32_t const codes[2] = {0x89AB'CDEFu, 0x0123'4567u};
  scales[threadIdx.x] = parts::scale_units(threadIdx.x);
  is_nan[threadIdx.x] = parts::is_nan_scale(threadIdx.x) ? 1 : 0;
  parts::split_block(codes, scales[threadIdx.x], digits[threadIdx.x]);
}

struct block_of_digits {
  std::uint32_t words[3][4];
};

}  // namespace

TEST_CASE("three balanced digits make code times scale, for every code under every scale") {
  if (!fixture::has_device()) return;
  fixture::managed<block_of_digits> digits(std::size_t{256});
  fixture::managed<int> scales(std::size_t{256}), nan_scales(std::size_t{256});
  split<<<1, 256>>>(reinterpret_cast<std::uint32_t(*)[3][4]>(digits.span().data()),
                    scales.span().data(), nan_scales.span().data());
  auto const got = digits.values();
  auto const units = scales.values();
  int wrong = 0;
  for (int s = 0; s < 256; ++s) {
    auto const scale = fp8_e4m3::from_bits(s);
    bool const is_nan = (s & 0x7F) == 0x7F;
    double const value = is_nan ? 0.0 : static_cast<double>(static_cast<float>(scale));
    wrong += units[static_cast<std::size_t>(s)] != value * 512;
    wrong += nan_scales.span()[static_cast<std::size_t>(s)] != is_nan;
    for (int i = 0; i < 16; ++i) {
      // Nibbles of the words from the low one up: 15 down to 8, then 7 down to 0.
      double const code = static_cast<double>(static_cast<float>(fp4_e2m1::from_bits(15 - i)));
      int whole = 0;
      for (int d = 2; d >= 0; --d) {
        auto const byte = got[static_cast<std::size_t>(s)].words[d][i / 4] >> (8 * (i % 4));
        whole = whole * 256 + static_cast<std::int8_t>(byte & 0xFF);
      }
      wrong += whole != code * value * 1024;
    }
  }
  CHECK(wrong == 0);
}
