// SPDX-License-Identifier: Apache-2.0
// Every step on several elements at once equals the plain step on each.
#include <nibble/arch/lanes/hadamard.hpp>
#include <nibble/arch/lanes/vector.hpp>

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

TEST_CASE("products, sign flips and the largest magnitude are those of each element") {
  CHECK(everywhere::host_sweep(sixteens, [](std::uint64_t i) {
          sixteen const in(i);
          float const factor = sixteen(i + 1).values[3];
          std::uint32_t const signs[1] = {static_cast<std::uint32_t>(i * 0x9E37'79B9u)};
          fenced<float, 16> row, products, flipped;
          std::uint32_t largest = 0;
          for (std::uint32_t k = 0; k != 16; ++k) {
            row.values[k] = flipped.values[k] = in.values[k];
            std::uint32_t const magnitude = nibble::amax_bits(in.values[k]);
            largest = magnitude > largest ? magnitude : largest;
          }
          lanes::multiply(in.values, factor, products.values);
          lanes::flip_signs(flipped.values, signs);
          for (std::uint32_t k = 0; k != 16; ++k) {
            std::uint32_t const sign = signs[0] >> k << 31;
            bool const flips = std::bit_cast<std::uint32_t>(flipped.values[k]) ==
                               (std::bit_cast<std::uint32_t>(in.values[k]) ^ sign);
            if (!flips || !same(products.values[k], arch::multiply(in.values[k], factor))) {
              return false;
            }
          }
          return products.holds() && flipped.holds() && lanes::amax_bits(row.values) == largest;
        }) == 0);
}
#endif
