// SPDX-License-Identifier: Apache-2.0
// Random words for several calls at once, and their bytes for several elements.
#pragma once

#include "nibble/arch/lanes/vector.hpp"

#if NIBBLE_HAS_LANES

namespace nibble::arch::lanes {

/// Low half times a constant, in every 64-bit lane. clang sees the instruction in the plain
/// product.
[[nodiscard]] inline pairs low_product(pairs a, std::uint32_t b) noexcept {
#if defined(__SSE2__) && !defined(__clang__)
  auto const x = (integers)a, y = (integers)(pairs{} + b);
#if defined(__AVX512F__)
  typedef long long signed_pairs __attribute__((vector_size(bytes)));
  return (pairs)__builtin_ia32_pmuludq512_mask(x, y, signed_pairs{}, 0xFF);
#elif defined(__AVX2__)
  return (pairs)__builtin_ia32_pmuludq256(x, y);
#else
  return (pairs)__builtin_ia32_pmuludq128(x, y);
#endif
#else
  return (a & 0xFFFF'FFFFu) * (pairs{} + b);
#endif
}

/// Philox4x32 for as many calls as a vector has 64-bit lanes, four words each, in order; see
/// random::philox4x32.
template <int Rounds>
inline void philox(std::uint64_t seed, std::uint64_t stream, std::uint64_t first,
                   std::uint32_t* words) noexcept {
  pairs call{};
  for (int lane = 0; lane < count / 2; ++lane)
    call[lane] = first + static_cast<std::uint64_t>(lane);
  pairs c0 = call, c1 = call >> 32, c2 = pairs{} + stream,
        c3 = c2 >> 32;  // upper halves do not count
  auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < Rounds; ++round) {
    pairs const product0 = low_product(c0, 0xD251'1F53u), product1 = low_product(c2, 0xCD9E'8D57u);
    c0 = (product1 >> 32) ^ c1 ^ k0;
    c1 = product1;
    c2 = (product0 >> 32) ^ c3 ^ k1;
    c3 = product0;
    k0 += 0x9E37'79B9u;
    k1 += 0xBB67'AE85u;
  }
  pairs const low = (c0 & 0xFFFF'FFFFu) | c1 << 32, high = (c2 & 0xFFFF'FFFFu) | c3 << 32;
  for (int lane = 0; lane < count / 2; ++lane) {
    std::uint64_t const both[2] = {low[lane], high[lane]};
    __builtin_memcpy(words + std::int64_t{4} * lane, both, sizeof both);
  }
}

/// The bytes of four words, one to each of 16 results: 8 random bits an element.
inline void spread_bytes(std::uint32_t const (&words)[4], std::uint32_t* to) noexcept {
  // Not by converting a vector of bytes, which g++ does byte by byte.
  for (int i = 0; i < 16; i += count) {
    integers each{}, shift{};
    for (int part = 0; part < count; part += 4) {
      integers here{};
      for (int byte = 0; byte < 4; ++byte) {
        here[part + byte] = -1;
        shift[part + byte] = 8 * byte;
      }
      each |= (integers{} + static_cast<std::int32_t>(words[(i + part) / 4])) & here;
    }
    store((each >> shift) & 0xFF, to + i);
  }
}

}  // namespace nibble::arch::lanes

#endif
