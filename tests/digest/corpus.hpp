// SPDX-License-Identifier: Apache-2.0
// One number for everything that a program makes, and the inputs that it makes it of: integers alone,
// so that no flag and no machine changes them. Whoever includes it has nibble, included or imported.
#pragma once

namespace corpus {

struct digest {
  std::uint64_t state = 0x9E37'79B9'7F4A'7C15u;

  void take(std::uint64_t word) {
    state = (state ^ word) * 0xD6E8'FEB8'6659'FD93u;
    state ^= state >> 32;
  }
  /// A float by its bits; which NaN an operation yields is nobody's promise.
  void take(float value) {
    std::uint32_t const bits = nibble::detail::float_bits(value);
    take(std::uint64_t{(bits & 0x7FFF'FFFFu) > 0x7F80'0000u ? 0x7FC0'0000u : bits});
  }
};

/// Word i of the corpus.
inline std::uint64_t word(std::uint64_t i) {
  std::uint64_t x = (i + 1) * 0x9E37'79B9'7F4A'7C15u;
  x = (x ^ x >> 30) * 0xBF58'476D'1CE4'E5B9u;
  x = (x ^ x >> 27) * 0x94D0'49BB'1331'11EBu;
  return x ^ x >> 31;
}

/// Any float, a float of ordinary size, or one with few mantissa bits, so that ties are common.
inline float number(std::uint64_t i) {
  std::uint64_t const w = word(i);
  auto bits = static_cast<std::uint32_t>(w);
  if (w >> 62 != 0) {
    bits = (bits & 0x807F'FFFFu) | (112u + static_cast<std::uint32_t>(w >> 40) % 26u) << 23;
  }
  if ((w >> 61 & 1) != 0) {
    bits &= 0xFFF0'0000u;
  }
  return nibble::detail::float_from_bits(bits);
}

}  // namespace corpus
