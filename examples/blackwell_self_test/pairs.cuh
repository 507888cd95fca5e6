// SPDX-License-Identifier: Apache-2.0
// What every target from sm_80 on has: pairs of 16 bits, and the library's own way to e2m1.
#pragma once

#include "conversions.cuh"

namespace self_test {

#if NIBBLE_HAS_MMA_F16
#define NIBBLE_IF_F16(expression) expression
#else
#define NIBBLE_IF_F16(expression) no_instruction
#endif

struct to_bf16 : rounds<format::bf16> {
  __device__ static std::uint32_t pair([[maybe_unused]] float low, [[maybe_unused]] float high) {
    return NIBBLE_IF_F16(ptx::cvt_rn_bf16x2_f32(low, high));
  }
};

/// Every half to a float.
struct widens_halves {
  __device__ comparison operator()(std::uint64_t i) const {
    [[maybe_unused]] auto const half = static_cast<unsigned short>(i);
    float value = 0;
#if NIBBLE_HAS_MMA_F16
    value = ptx::cvt_f32_f16(half);
#endif
    auto const bits = [](float x) { return float_bits(nibble::detail::canonical(x)); };
    return {bits(value), bits(format::decode<format::fp16>(half))};
  }
};

/// A pair of 16-bit numbers times another: the product in FP64, which is exact, rounded once.
template <format::float_format Format>
struct multiplies_pairs {
  static constexpr std::uint32_t infinity = Format.first_special();

  __device__ static std::uint32_t portable(std::uint32_t a, std::uint32_t b) {
    auto const value = [](std::uint32_t code) {
      return static_cast<double>(format::decode<Format>(code & 0xFFFFu));
    };
    return one_nan<infinity>(
        format::encode<Format, format::nearest_even, format::overflow::to_special>(value(a) *
                                                                                   value(b)));
  }
  __device__ comparison operator()(std::uint64_t i) const {
    auto const a = static_cast<std::uint32_t>(mixed(i)),
               b = static_cast<std::uint32_t>(mixed(i) >> 32);
    std::uint32_t got = no_instruction;
    if constexpr (Format == format::bf16) {
      got = NIBBLE_IF_F16(ptx::mul_rn_bf16x2(a, b));
    } else {
      got = NIBBLE_IF_F16(ptx::mul_rn_f16x2(a, b));
    }
    return {one_nan<infinity>(got) | one_nan<infinity>(got >> 16) << 16,
            portable(a, b) | portable(a >> 16, b >> 16) << 16};
  }
};

/// Two floats times a third, one of the two products: that of the portable path.
struct multiplies_two_floats {
  __device__ comparison operator()(std::uint64_t i) const {
    auto const first = static_cast<std::uint32_t>(mixed(i)),
               second = static_cast<std::uint32_t>(mixed(i) >> 32),
               factor = static_cast<std::uint32_t>(mixed(~i));
    auto const value = [](std::uint32_t bits) { return nibble::detail::float_from_bits(bits); };
    auto const bits = [](float x) { return float_bits(nibble::detail::canonical(x)); };
    float products[2]{};
#if NIBBLE_HAS_F32X2
    ptx::mul_rn_f32x2(products[0], products[1], value(first), value(second), value(factor));
#endif
    return {bits(products[i % 2]),
            bits(nibble::arch::multiply(value(i % 2 == 0 ? first : second), value(factor)))};
  }
};

inline void compare_two_floats() {
  compare("mul.rn.f32x2", 1u << 28, multiplies_two_floats{});
}

inline void compare_everywhere() {
  compare("cvt.rn.bf16x2.f32", std::uint64_t{1} << 32, encodes_pairs<to_bf16>{});
  compare("e2m1 as the library makes it, eight a word", std::uint64_t{1} << 29,
          encodes_eight<library_of_eight>{});
  compare("cvt.f32.f16", 1u << 16, widens_halves{});
  compare("mul.rn.f16x2", 1u << 28, multiplies_pairs<format::fp16>{});
  compare("fma.rn.bf16x2, with -0 added", 1u << 28, multiplies_pairs<format::bf16>{});
}

}  // namespace self_test
