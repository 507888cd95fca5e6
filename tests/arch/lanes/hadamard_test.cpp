// SPDX-License-Identifier: Apache-2.0
// Butterflies across lanes are butterflies.
#include <nibble/arch/lanes/hadamard.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>

#include <nibble/nibble.hpp>

#include "support/everywhere.hpp"
#include "support/sixteen.hpp"

#if NIBBLE_HAS_LANES
namespace arch = nibble::arch;
namespace lanes = nibble::arch::lanes;
using fixture::fenced;
using fixture::same;
using fixture::sixteen;
using fixture::sixteens;

namespace {

template <std::size_t N>
bool transforms_alike(std::uint64_t i, bool to_bf16) {
  fenced<float, N> together;
  float alone[N];
  for (std::size_t k = 0; k != N; ++k) {
    auto bits = std::bit_cast<std::uint32_t>(sixteen(i * 8 + k / 16).values[k % 16]);
    // One NaN is a row of them: three of four rows have no exponent that large.
    if (i % 4 != 0) bits &= 0xBFFF'FFFFu;
    together.values[k] = alone[k] = std::bit_cast<float>(bits);
  }
  float const factor = nibble::transform::hadamard<N>::factor;
  lanes::hadamard(together.values, factor, to_bf16);
  for (std::size_t stride = 1; stride < N; stride *= 2) {
    for (std::size_t k = 0; k != N; ++k) {
      if ((k & stride) == 0) {
        float const a = alone[k];
        float const b = alone[k + stride];
        alone[k] = arch::add(a, b);
        alone[k + stride] = arch::subtract(a, b);
      }
    }
  }
  for (std::size_t k = 0; k != N; ++k) {
    float const scaled = arch::multiply(alone[k], factor);
    float const expected = to_bf16 ? static_cast<float>(nibble::bf16(scaled)) : scaled;
    bool const is_the_nan = std::bit_cast<std::uint32_t>(together.values[k]) == 0x7FFF'0000u;
    if (!same(together.values[k], expected) || (to_bf16 && expected != expected && !is_the_nan)) {
      return false;
    }
  }
  return together.holds();
}

}  // namespace

TEST_CASE("butterflies add and subtract in the one order, for every size") {
  CHECK(everywhere::host_sweep(sixteens / 16, [](std::uint64_t i) {
          return transforms_alike<16>(i, false) && transforms_alike<32>(i, false) &&
                 transforms_alike<64>(i, true) && transforms_alike<128>(i, true);
        }) == 0);
}
#endif
