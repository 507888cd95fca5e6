// SPDX-License-Identifier: Apache-2.0
// Conversions to and from 8 bits and fewer beside the portable path, for all inputs.
#pragma once

#include "check.cuh"
#include "nibble/arch/convert.hpp"
#include "nibble/arch/features.hpp"
#include "nibble/arch/ptx.cuh"
#include "nibble/fp16.hpp"

namespace self_test {

namespace format = nibble::format;
namespace ptx = nibble::arch::ptx;

// The instructions of two results, each as a class so that one check serves all. Where the target
// has none of them, the value is one that no code equals; main does not ask for it.
[[maybe_unused]] constexpr std::uint32_t no_instruction = 0xFFFF'FFFFu;

#if NIBBLE_HAS_CVT_E4M3
#define NIBBLE_IF_E4M3(expression) expression
#else
#define NIBBLE_IF_E4M3(expression) no_instruction
#endif
#if NIBBLE_HAS_CVT_E2M1
#define NIBBLE_IF_E2M1(expression) expression
#else
#define NIBBLE_IF_E2M1(expression) no_instruction
#endif

/// What an instruction rounds to, and how.
template <format::float_format Number, class Rule = format::nearest_even>
struct rounds {
  static constexpr auto number = Number;
  using rule = Rule;
};

struct to_e4m3 : rounds<format::e4m3> {
  __device__ static std::uint32_t pair([[maybe_unused]] float low, [[maybe_unused]] float high) {
    return NIBBLE_IF_E4M3(ptx::cvt_rn_satfinite_e4m3x2_f32(low, high));
  }
};
struct to_e5m2 : rounds<format::e5m2> {
  __device__ static std::uint32_t pair([[maybe_unused]] float low, [[maybe_unused]] float high) {
    return NIBBLE_IF_E4M3(ptx::cvt_rn_satfinite_e5m2x2_f32(low, high));
  }
};
struct to_e2m3 : rounds<format::e2m3> {
  __device__ static std::uint32_t pair([[maybe_unused]] float low, [[maybe_unused]] float high) {
    return NIBBLE_IF_E2M1(ptx::cvt_rn_satfinite_e2m3x2_f32(low, high));
  }
};
struct to_e3m2 : rounds<format::e3m2> {
  __device__ static std::uint32_t pair([[maybe_unused]] float low, [[maybe_unused]] float high) {
    return NIBBLE_IF_E2M1(ptx::cvt_rn_satfinite_e3m2x2_f32(low, high));
  }
};
struct to_e8m0_up : rounds<format::e8m0, format::away_from_zero> {
  __device__ static std::uint32_t pair([[maybe_unused]] float low, [[maybe_unused]] float high) {
    return NIBBLE_IF_E2M1(ptx::cvt_rp_satfinite_ue8m0x2_f32(low, high));
  }
};
struct to_e8m0_down : rounds<format::e8m0, format::toward_zero> {
  __device__ static std::uint32_t pair([[maybe_unused]] float low, [[maybe_unused]] float high) {
    return NIBBLE_IF_E2M1(ptx::cvt_rz_satfinite_ue8m0x2_f32(low, high));
  }
};

/// Two floats at once, this one low and another one high: of any sign, or both of a given one.
template <class Instruction>
struct encodes_pairs {
  std::uint32_t mask = 0xFFFF'FFFFu;
  std::uint32_t sign = 0;

  __device__ static std::uint32_t portable(std::uint32_t bits) {
    constexpr auto beyond = Instruction::number == format::bf16 ? format::overflow::to_special
                                                                : format::overflow::saturate;
    return format::encode<Instruction::number, typename Instruction::rule, beyond>(
        float_from_bits(bits));
  }
  __device__ comparison operator()(std::uint64_t i) const {
    constexpr int bits = Instruction::number.width() > 8 ? 16 : 8;
    std::uint32_t const low = (static_cast<std::uint32_t>(i) & mask) | sign;
    std::uint32_t const high = ((low * 0x9E37'79B1u + 0x7F4A'7C15u) & mask) | sign;
    return {Instruction::pair(float_from_bits(low), float_from_bits(high)),
            portable(low) | portable(high) << bits};
  }
};

struct instruction_of_eight {
  __device__ static std::uint32_t word([[maybe_unused]] float const (&values)[8]) {
    return NIBBLE_IF_E2M1(ptx::cvt_rn_satfinite_e2m1x8_f32(values));
  }
};
struct library_of_eight {  // the instruction where there is one, a sum and integers elsewhere
  __device__ static std::uint32_t word(float const (&values)[8]) {
    return nibble::arch::encode_e2m1x8(values);
  }
};

/// Eight floats at once, a lane 2^29 bit patterns from the next.
template <class Encoder>
struct encodes_eight {
  __device__ comparison operator()(std::uint64_t i) const {
    float values[8];
    std::uint32_t portable = 0;
    for (std::uint32_t lane = 0; lane < 8; ++lane) {
      values[lane] = float_from_bits(static_cast<std::uint32_t>(i) + (lane << 29));
      portable |= format::encode<format::e2m1>(values[lane]) << (4 * lane);
    }
    return {Encoder::word(values), portable};
  }
};

/// The half of a code, and any NaN of a half or a bf16 as one.
template <format::float_format Format>
__device__ std::uint64_t portable_half(std::uint32_t code) {
  return nibble::fp16(format::decode<Format>(code)).bits();
}
template <std::uint32_t Infinity = 0x7C00u>
__device__ std::uint32_t one_nan(std::uint32_t half) {
  half &= 0xFFFFu;
  return (half & 0x7FFFu) > Infinity ? 0x7FFFu : half;
}

/// Eight codes to eight halves: the first four, or the others if these are right.
struct decodes_eight {
  __device__ comparison operator()([[maybe_unused]] std::uint64_t i) const {
    unsigned int halves[4] = {no_instruction, no_instruction, no_instruction, no_instruction};
#if NIBBLE_HAS_CVT_E2M1
    ptx::cvt_rn_f16x2_e2m1x2(static_cast<std::uint32_t>(i), halves);
#endif
    std::uint64_t need[2] = {};
    for (int lane = 0; lane < 8; ++lane) {
      need[lane / 4] |=
          portable_half<format::e2m1>(static_cast<std::uint32_t>(i) >> (4 * lane) & 15u)
          << (16 * (lane % 4));
    }
    std::uint64_t const got = halves[0] | std::uint64_t{halves[1]} << 32;
    if (got != need[0]) return {got, need[0]};
    return {halves[2] | std::uint64_t{halves[3]} << 32, need[1]};
  }
};

/// Every pair of codes of a format of 8 or fewer bits, to two halves.
template <format::float_format Format>
struct decodes_pairs {
  __device__ comparison operator()(std::uint64_t i) const {
    std::uint32_t const low = static_cast<std::uint32_t>(i) & Format.mask();
    std::uint32_t const high = static_cast<std::uint32_t>(i >> Format.width()) & Format.mask();
    [[maybe_unused]] auto const pair = static_cast<unsigned short>(low | high << 8);
    std::uint32_t halves = no_instruction;
    if constexpr (Format == format::e4m3) {
      halves = NIBBLE_IF_E4M3(ptx::cvt_rn_f16x2_e4m3x2(pair));
    } else if constexpr (Format == format::e5m2) {
      halves = NIBBLE_IF_E4M3(ptx::cvt_rn_f16x2_e5m2x2(pair));
    } else if constexpr (Format == format::e2m3) {
      halves = NIBBLE_IF_E2M1(ptx::cvt_rn_f16x2_e2m3x2(pair));
    } else if constexpr (Format == format::e3m2) {
      halves = NIBBLE_IF_E2M1(ptx::cvt_rn_f16x2_e3m2x2(pair));
    }
    return {one_nan(halves) | one_nan(halves >> 16) << 16,
            portable_half<Format>(low) | portable_half<Format>(high) << 16};
  }
};

/// Every pair of e8m0 codes to two bf16.
struct decodes_powers {
  __device__ static std::uint32_t portable(std::uint32_t code) {
    return code == 255 ? 0x7FFFu : float_bits(format::decode<format::e8m0>(code)) >> 16;
  }
  __device__ comparison operator()(std::uint64_t i) const {
    auto const codes = static_cast<unsigned short>(i);
    std::uint32_t const pair = NIBBLE_IF_E2M1(ptx::cvt_rn_bf16x2_ue8m0x2(codes));
    return {one_nan<0x7F80u>(pair) | one_nan<0x7F80u>(pair >> 16) << 16,
            portable(codes & 255u) | portable(codes >> 8u) << 16};
  }
};

/// Those of sm_89 and up.
inline void compare_bytes() {
  constexpr std::uint64_t all = std::uint64_t{1} << 32;
  compare("cvt.rn.satfinite.e4m3x2.f32", all, encodes_pairs<to_e4m3>{});
  compare("cvt.rn.f16x2.e4m3x2", 1u << 16, decodes_pairs<format::e4m3>{});
  compare("cvt.rn.satfinite.e5m2x2.f32", all, encodes_pairs<to_e5m2>{});
  compare("cvt.rn.f16x2.e5m2x2", 1u << 16, decodes_pairs<format::e5m2>{});
}

/// Those of Blackwell's `a` and `f` targets.
inline void compare_fewer_bits() {
  constexpr std::uint64_t all = std::uint64_t{1} << 32;
  compare("cvt.rn.satfinite.e2m1x2.f32, eight a word", all / 8,
          encodes_eight<instruction_of_eight>{});
  compare("cvt.rn.f16x2.e2m1x2, eight a word", all, decodes_eight{});
  compare("cvt.rn.satfinite.e2m3x2.f32", all, encodes_pairs<to_e2m3>{});
  compare("cvt.rn.f16x2.e2m3x2", 1u << 12, decodes_pairs<format::e2m3>{});
  compare("cvt.rn.satfinite.e3m2x2.f32", all, encodes_pairs<to_e3m2>{});
  compare("cvt.rn.f16x2.e3m2x2", 1u << 12, decodes_pairs<format::e3m2>{});
  // The sign of an unsigned format: apart, to see where a difference lies.
  encodes_pairs<to_e8m0_up> const up{0x7FFF'FFFFu, 0};
  encodes_pairs<to_e8m0_up> const up_negative{0x7FFF'FFFFu, 0x8000'0000u};
  encodes_pairs<to_e8m0_down> const down{0x7FFF'FFFFu, 0};
  encodes_pairs<to_e8m0_down> const down_negative{0x7FFF'FFFFu, 0x8000'0000u};
  compare("cvt.rp.satfinite.ue8m0x2.f32, positive", all / 2, up);
  compare("cvt.rp.satfinite.ue8m0x2.f32, negative", all / 2, up_negative);
  compare("cvt.rz.satfinite.ue8m0x2.f32, positive", all / 2, down);
  compare("cvt.rz.satfinite.ue8m0x2.f32, negative", all / 2, down_negative);
  compare("cvt.rn.bf16x2.ue8m0x2", 1u << 16, decodes_powers{});
}

}  // namespace self_test
