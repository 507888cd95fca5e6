// SPDX-License-Identifier: Apache-2.0
// Sixteen floats at a time, special values included, for what works on several elements at once.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace fixture {

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
          // NaN; or infinity, or the NaN next to it
          bits = (bits & 7) != 0 ? bits | 0x7F80'0000u
                                 : (bits & 0x8000'0000u) + 0x7F80'0000u + (bits >> 3 & 1);
          break;
        case 3:
          bits &= (bits & 7) != 0 ? 0x807F'FFFFu : 0x8000'0000u;  // subnormal or zero
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

/// N elements, and behind them what a step of lanes too many would read or write: bytes that are a
/// large float, and must stay.
template <class T, std::size_t N>
struct fenced {
  static constexpr std::uint8_t post = 0x7E;
  T values[N]{};
  std::uint8_t fence[64];

  fenced() {
    for (std::uint8_t& each : fence) each = post;
  }
  [[nodiscard]] bool holds() const {
    for (std::uint8_t const each : fence) {
      if (each != post) return false;
    }
    return true;
  }
};

inline bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (a != a && b != b);
}

inline constexpr std::uint64_t sixteens = 1 << 18;  // how many a test tries

}  // namespace fixture
