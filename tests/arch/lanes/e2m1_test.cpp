// SPDX-License-Identifier: Apache-2.0
// Sixteen e2m1 codes at once are sixteen e2m1 codes.
#include <nibble/arch/lanes/e2m1.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>

#include <nibble/nibble.hpp>

#include "support/everywhere.hpp"
#include "support/sixteen.hpp"

#if NIBBLE_HAS_LANES
namespace arch = nibble::arch;
namespace lanes = nibble::arch::lanes;
using fixture::same;
using fixture::sixteen;
using fixture::sixteens;

namespace {

/// The low Bits bits of 16 words that change with i.
template <int Bits>
bool draws_alike(std::uint64_t i) {
  sixteen const in(i);
  std::uint32_t random[16];
  for (std::uint64_t k = 0; k != 16; ++k) {
    random[k] = static_cast<std::uint32_t>((i + 16 * k) * 0x85EB'CA6Bu) >> (32 - Bits);
  }
  std::uint8_t together[8];
  lanes::encode_e2m1_stochastic<Bits>(in.values, random, together);
  for (std::uint32_t k = 0; k != 16; ++k) {
    std::uint32_t const alone =
        nibble::format::encode<nibble::format::e2m1, nibble::format::stochastic<Bits>>(in.values[k],
                                                                                       random[k]);
    if ((together[k / 2] >> (k % 2 * 4) & 15u) != alone) {
      return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("sixteen codes at once are sixteen codes") {
  CHECK(everywhere::host_sweep(sixteens, [](std::uint64_t i) {
          sixteen const in(i);
          std::uint8_t together[8];
          arch::encode_e2m1(in.values, together);
          for (std::uint32_t k = 0; k != 16; ++k) {
            std::uint32_t const alone = nibble::format::encode<nibble::format::e2m1>(in.values[k]);
            if ((together[k / 2] >> (k % 2 * 4) & 15u) != alone) {
              return false;
            }
          }
          return true;
        }) == 0);
}

TEST_CASE("sixteen codes by random bits are sixteen codes, at every width") {
  CHECK(everywhere::host_sweep(sixteens, draws_alike<8>) == 0);
  CHECK(everywhere::host_sweep(sixteens, draws_alike<16>) == 0);
}

TEST_CASE("packed codes times a factor are their values times the factor") {
  CHECK(everywhere::host_sweep(sixteens, [](std::uint64_t i) {
          std::uint8_t codes[8];
          for (std::uint64_t b = 0; b != 8; ++b) {
            codes[b] = static_cast<std::uint8_t>((i * 8 + b) * 0x9E37'79B9u >> 11);
          }
          float const factor = sixteen(i).values[0];
          float together[16];
          lanes::decode_e2m1<16>(codes, factor, together);
          for (std::uint32_t k = 0; k != 16; ++k) {
            std::uint32_t const code = codes[k / 2] >> (k % 2 * 4);
            float const value = nibble::format::decode<nibble::format::e2m1>(code);
            if (!same(together[k], arch::multiply(value, factor))) {
              return false;
            }
          }
          return true;
        }) == 0);
}
#endif
