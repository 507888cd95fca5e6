// SPDX-License-Identifier: Apache-2.0
// Blocks whose scale says which of several tables their codes are read by: the sign bit of an E4M3
// scale is free, since scales are positive.
#pragma once

#include "nibble/block.hpp"
#include "nibble/int4_element.hpp"

namespace nibble {

/// An E4M3 number without a sign, and one bit beside it where the sign would be.
///
/// rule    conversion to float gives the magnitude; the tag is bit 7.
/// errors  a sign is dropped; 0x7F and 0xFF are NaN.
/// bits    identical everywhere.
class tagged_e4m3 {
 public:
  static constexpr format::float_format format = nibble::format::e4m3;

  tagged_e4m3() = default;
  /// The magnitude of `scale`, and a tag: 0 or 1.
  NIBBLE_HD constexpr tagged_e4m3(fp8_e4m3 scale, int tag) noexcept
      : bits_(static_cast<std::uint8_t>((scale.bits() & 0x7Fu) | (tag != 0 ? 0x80u : 0u))) {}
  [[nodiscard]] NIBBLE_HD static constexpr tagged_e4m3 from_bits(std::uint32_t bits) noexcept {
    return {fp8_e4m3::from_bits(bits & 0x7Fu), static_cast<int>(bits >> 7 & 1u)};
  }

  [[nodiscard]] NIBBLE_HD constexpr std::uint8_t bits() const noexcept { return bits_; }
  [[nodiscard]] NIBBLE_HD constexpr int tag() const noexcept { return bits_ >> 7; }
  [[nodiscard]] NIBBLE_HD explicit constexpr operator float() const noexcept {
    return static_cast<float>(fp8_e4m3::from_bits(bits_ & 0x7Fu));
  }

 private:
  std::uint8_t bits_;
};
static_assert(sizeof(tagged_e4m3) == 1);

/// Sixteen 4-bit codes and a tagged scale; Table says what the codes are worth under either tag.
///
/// shape   as nvfp4_block: 8 bytes of codes, the scale.
template <class Table>
struct adaptive_block {
  using element_type = fp4_e2m1;  // of the code's bits; see Table for their values
  using scale_type = tagged_e4m3;
  using table = Table;
  static constexpr int size = 16;

  packed<fp4_e2m1, 16> codes;
  tagged_e4m3 scale;
};

/// Is this a block whose scale chooses a table?
template <class Block>
inline constexpr bool is_adaptive = requires {
  typename Block::table;
};

/// What element i of a block is worth, scale aside.
template <class Block>
[[nodiscard]] NIBBLE_HD constexpr float value_of(Block const& block, int i) noexcept {
  if constexpr (is_adaptive<std::remove_const_t<Block>>) {
    return Block::table::value(block.codes[i].bits(), block.scale.tag());
  } else {
    return static_cast<float>(block.codes[i]);
  }
}

/// The codes of a block's values under the scale that was chosen.
template <class Block, class Rounding, std::size_t N>
[[nodiscard]] NIBBLE_HD constexpr auto codes_of(Rounding const& rounding, float const (&scaled)[N],
                                                typename Block::scale_type scale,
                                                std::uint64_t position) noexcept {
  if constexpr (is_adaptive<Block>) {
    return Block::table::encode(rounding, scaled, scale.tag(), position);
  } else {
    return rounding.template encode<typename Block::element_type>(scaled, position);
  }
}

/// E2M1 under tag 0, integers times 6/7 under tag 1, so that either reaches 6.
///
/// rule    integers are stored as sign and magnitude, -0 included.
/// errors  as the rounding: what is beyond the range saturates, NaN gets the largest code, so +6.
/// bits    identical everywhere.
/// source  IF4, arXiv 2603.28765, whose integers are in two's complement; MixFP4, arXiv 2605.31035,
///         is the same grid.
struct e2m1_or_int4 {
  static constexpr float expansion = 6.0f / 7.0f;
  static constexpr float contraction = 7.0f / 6.0f;

  [[nodiscard]] NIBBLE_HD static constexpr float value(std::uint32_t code, int tag) noexcept {
    if (tag == 0) return static_cast<float>(fp4_e2m1::from_bits(code));
    return arch::multiply(static_cast<float>(int4_element::from_bits(code)), expansion);
  }

  template <class Rounding, std::size_t N>
  [[nodiscard]] NIBBLE_HD static constexpr packed<fp4_e2m1, int{N}> encode(
      Rounding const& rounding, float const (&scaled)[N], int tag,
      std::uint64_t position) noexcept {
    if (tag == 0) return rounding.template encode<fp4_e2m1>(scaled, position);
    float stretched[N]{};
    for (std::size_t i = 0; i < N; ++i) stretched[i] = arch::multiply(scaled[i], contraction);
    auto const integers = rounding.template encode<int4_element>(stretched, position);
    packed<fp4_e2m1, int{N}> codes{};
    for (int i = 0; i < int{N}; ++i) codes.set(i, fp4_e2m1::from_bits(integers[i].bits()));
    return codes;
  }
};

/// E2M1 whose code of -0 is worth +5 under tag 0, -5 under tag 1: the middle of its widest gap.
///
/// rule    the special value is taken where it is nearer than what the rounding chose; nearest
///         rounding only. Zeros are +0.
/// errors  beyond the range: +-6. NaN: +6.
/// bits    identical everywhere.
/// source  RaZeR, arXiv 2501.04052: its activations. Its weights have a second pair, +-8, chosen by
///         a second bit that an E3M3 scale leaves free: left out.
struct e2m1_with_five {
  static constexpr std::uint32_t special_code = 8;

  [[nodiscard]] NIBBLE_HD static constexpr float value(std::uint32_t code, int tag) noexcept {
    if (code != special_code) return static_cast<float>(fp4_e2m1::from_bits(code));
    return tag == 0 ? 5.0f : -5.0f;
  }

  template <class Rounding, std::size_t N>
  [[nodiscard]] NIBBLE_HD static constexpr packed<fp4_e2m1, int{N}> encode(
      Rounding const& rounding, float const (&scaled)[N], int tag,
      std::uint64_t position) noexcept {
    static_assert(!Rounding::is_stochastic,
                  "got stochastic rounding to special values; they have nearest rounding only");
    auto codes = rounding.template encode<fp4_e2m1>(scaled, position);
    float const special = value(special_code, tag);
    for (int i = 0; i < int{N}; ++i) {
      if (codes[i].bits() == special_code) codes.set(i, fp4_e2m1::from_bits(0));
      float const ordinary = arch::subtract(static_cast<float>(codes[i]), scaled[i]);
      float const other = arch::subtract(special, scaled[i]);
      if (arch::less(detail::magnitude(other), detail::magnitude(ordinary))) {
        codes.set(i, fp4_e2m1::from_bits(special_code));
      }
    }
    return codes;
  }
};

using if4_block = adaptive_block<e2m1_or_int4>;
using razer_block = adaptive_block<e2m1_with_five>;
static_assert(sizeof(if4_block) == 9 && sizeof(razer_block) == 9);

}  // namespace nibble
