// SPDX-License-Identifier: Apache-2.0
// Elements of 4, 6 and 8 bits in bytes of their own: the operands of the atom m16n8k32.
#pragma once

#include "nibble/block.hpp"
#include "nibble/mma/decode.hpp"
#include "nibble/mma/fragment.hpp"

namespace nibble::mma {

/// The blocks of the atom m16n8k32: MX's, elements of any of its formats with an E8M0 scale for 32.
template <class Block>
inline constexpr bool is_byte_block =
    std::is_same_v<Block, mxfp8_block> || std::is_same_v<Block, mxfp8_e5m2_block> ||
    std::is_same_v<Block, mxfp6_e2m3_block> || std::is_same_v<Block, mxfp6_e3m2_block> ||
    std::is_same_v<Block, mxfp4_block>;

/// How elements of a format lie in bytes, and what the instruction calls them.
///
/// rule    8-bit ones fill the byte, 6-bit ones its low six bits, e2m1 bits 5:2, as e2m3 would; the
///         other bits count for nothing. Written as zeros.
/// source  PTX ISA 9.0, "mma with .kind::mxf8f6f4"; CUTLASS's unpacking of 4 bits for sm_120.
template <class Element>
struct byte_of {
  static constexpr int shift = std::is_same_v<Element, fp4_e2m1> ? 2 : 0;
  static constexpr std::uint32_t mask = Element::format.mask() << shift;

  [[nodiscard]] NIBBLE_HD static constexpr std::uint32_t from(Element x) noexcept {
    return static_cast<std::uint32_t>(x.bits()) << shift;
  }
  [[nodiscard]] NIBBLE_HD static constexpr Element element(std::uint32_t byte) noexcept {
    return Element::from_bits((byte & mask) >> shift);
  }

  /// Four elements packed without a gap, the first in the low bits, as a word of bytes.
  [[nodiscard]] NIBBLE_HD static constexpr std::uint32_t spread(std::uint32_t packed) noexcept {
    constexpr int width = Element::format.width();
    if constexpr (width == 8) return packed;
    std::uint32_t word = 0;
    for (int i = 0; i < 4; ++i) {
      word |= (packed >> (width * i) & Element::format.mask()) << (8 * i + shift);
    }
    return word;
  }

  /// The four elements of a word as two pairs of halves, times 2^halves_exponent.
  NIBBLE_HD static constexpr void to_halves(std::uint32_t word,
                                            std::uint32_t (&pairs)[2]) noexcept {
    std::uint32_t const kept = (word & mask * 0x0101'0101u) >> shift;
    std::uint32_t const low = (kept & 0xFFu) | (kept & 0xFF00u) << 8;
    std::uint32_t const high = (kept >> 16 & 0xFFu) | (kept >> 8 & 0xFF'0000u);
    pairs[0] = decode_to_halves<Element::format>(low);
    pairs[1] = decode_to_halves<Element::format>(high);
  }

  // Characters, not a pointer: the name becomes part of the instruction.
  static constexpr char text[] = {'e', static_cast<char>('0' + Element::format.exponent_bits), 'm',
                                  static_cast<char>('0' + Element::format.mantissa_bits), '\0'};
};

}  // namespace nibble::mma
