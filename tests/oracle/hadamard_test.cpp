// SPDX-License-Identifier: Apache-2.0
// The written-again Hadamard transform against worked numbers.
#include "oracle/hadamard.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "oracle/nvfp4.hpp"

namespace {

/// halves / 2 as binary32.
std::uint32_t half_units(int halves) {
  return oracle::round_to_binary32(halves < 0, std::uint64_t(halves < 0 ? -halves : halves), -1);
}

std::vector<bool> flips_of(std::uint32_t mask) {
  std::vector<bool> flips(16);
  for (std::size_t index = 0; index != 16; ++index)
    flips[index] = ((mask >> index) & 1U) != 0;
  return flips;
}

}  // namespace

TEST_CASE("the witness transforms the ramp 1 to 16 under the mask 0xD7E8 as published") {
  std::vector<std::uint32_t> ramp;
  for (std::uint32_t value = 1; value <= 16; ++value)
    ramp.push_back(oracle::from_integer(value));
  constexpr std::array<int, 16> halves{-31, -15, 15, -1, 15, -1, -31, 17,
                                       17,  33,  3,  3,  3,  -5, 21,  -35};
  for (bool const to_bf16 : {false, true}) {
    auto const result = oracle::hadamard(ramp, flips_of(0xD7E8U), to_bf16);
    for (std::size_t index = 0; index != 16; ++index) {
      CHECK(result[index] == half_units(halves[index]));
    }
  }
}

TEST_CASE("the witness scales the transform by the nearest binary32 to 1 / sqrt(N)") {
  CHECK(oracle::inverse_root(4) == 0x3E800000U);
  CHECK(oracle::inverse_root(5) == 0x3E3504F3U);
  CHECK(oracle::inverse_root(6) == 0x3E000000U);
  CHECK(oracle::inverse_root(7) == 0x3DB504F3U);
}
