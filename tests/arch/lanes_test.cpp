// SPDX-License-Identifier: Apache-2.0
// Every step on several elements at once equals the plain step on each, special values included.
#include <nibble/arch/lanes.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>

#include <nibble/nibble.hpp>

#include "support/everywhere.hpp"

#if NIBBLE_HAS_LANES
namespace arch = nibble::arch;
namespace lanes = nibble::arch::lanes;

namespace {

/// Sixteen floats: from anywhere, near the grid of e2m1, on its ties or next to them, and specials.
struct sixteen {
  float values[16];

  explicit sixteen(std::uint64_t i) : values{} {
    for (std::uint64_t k = 0; k != 16; ++k) {
      std::uint64_t const mixed = (i * 16 + k + 1) * 0x9E37'79B9'7F4A'7C15u;
      auto bits = static_cast<std::uint32_t>(mixed >> 32);
      switch (mixed >> 8 & 7) {
        case 0:
        case 1:
          break;  // any float
        case 2:
          bits |= 0x7F80'0000u;  // infinity or NaN
          break;
        case 3:
          bits &= 0x807F'FFFFu;  // zero or subnormal
          break;
        case 4:  // a multiple of 1/4 up to 8, which every tie is, or a float beside it
          bits = std::bit_cast<std::uint32_t>(static_cast<float>(bits >> 16 & 31) / 4) +
                 (bits & 0x8000'0000u) + (bits & 3) - 1;
          break;
        default:  // 2^-6 to 2^5
          bits = (bits & 0x807F'FFFFu) | (121 + (bits >> 23) % 12) << 23;
      }
      values[k] = std::bit_cast<float>(bits);
    }
  }
};

bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (a != a && b != b);
}

constexpr std::uint64_t count = 1 << 18;

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

template <std::size_t N>
bool transforms_alike(std::uint64_t i, bool to_bf16) {
  float together[N];
  float alone[N];
  for (std::size_t k = 0; k != N; ++k) {
    together[k] = alone[k] = sixteen(i * 8 + k / 16).values[k % 16];
  }
  float const factor = nibble::transform::hadamard<N>::factor;
  lanes::hadamard(together, factor, to_bf16);
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
    if (!same(together[k], expected)) {
      return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("sixteen codes at once are sixteen codes") {
  CHECK(everywhere::host_sweep(count, [](std::uint64_t i) {
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
  CHECK(everywhere::host_sweep(count, draws_alike<8>) == 0);
  CHECK(everywhere::host_sweep(count, draws_alike<16>) == 0);
}

TEST_CASE("packed codes times a factor are their values times the factor") {
  CHECK(everywhere::host_sweep(count, [](std::uint64_t i) {
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

TEST_CASE("products, sign flips and the largest magnitude are those of each element") {
  CHECK(everywhere::host_sweep(count, [](std::uint64_t i) {
          sixteen const in(i);
          float const factor = sixteen(i + 1).values[3];
          std::uint32_t const signs[1] = {static_cast<std::uint32_t>(i * 0x9E37'79B9u)};
          float products[16];
          float flipped[16];
          std::uint32_t largest = 0;
          for (std::uint32_t k = 0; k != 16; ++k) {
            flipped[k] = in.values[k];
            std::uint32_t const magnitude = nibble::amax_bits(in.values[k]);
            largest = magnitude > largest ? magnitude : largest;
          }
          lanes::multiply(in.values, factor, products);
          lanes::flip_signs(flipped, signs);
          for (std::uint32_t k = 0; k != 16; ++k) {
            std::uint32_t const sign = signs[0] >> k << 31;
            bool const flips = std::bit_cast<std::uint32_t>(flipped[k]) ==
                               (std::bit_cast<std::uint32_t>(in.values[k]) ^ sign);
            if (!flips || !same(products[k], arch::multiply(in.values[k], factor))) {
              return false;
            }
          }
          return lanes::amax_bits(in.values) == largest;
        }) == 0);
}

TEST_CASE("butterflies add and subtract in the one order, for every size") {
  CHECK(everywhere::host_sweep(count / 16, [](std::uint64_t i) {
          return transforms_alike<16>(i, false) && transforms_alike<32>(i, false) &&
                 transforms_alike<64>(i, true) && transforms_alike<128>(i, true);
        }) == 0);
}

TEST_CASE("the bytes of four words go to elements in little-endian order") {
  std::uint32_t const words[4] = {0x03020100, 0x07060504, 0x0B0A0908, 0xFF0E0D0C};
  std::uint32_t bytes[16];
  lanes::spread_bytes(words, bytes);
  for (std::uint32_t k = 0; k != 15; ++k) {
    CHECK(bytes[k] == k);
  }
  CHECK(bytes[15] == 0xFF);
}
#endif
