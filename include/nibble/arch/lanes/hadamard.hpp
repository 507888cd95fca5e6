// SPDX-License-Identifier: Apache-2.0
// The Hadamard transform of a row, several elements at once.
#pragma once

#include "nibble/arch/lanes/vector.hpp"

#if NIBBLE_HAS_LANES

namespace nibble::arch::lanes {

#if defined(__clang__)
#pragma float_control(precise, on, push)  // as in arithmetic.hpp
#endif

/// One stage of butterflies whose partners are Stride lanes apart: a + b below, a - b above, which
/// is the other lane's value plus this one's with its sign flipped.
template <int Stride>
[[nodiscard]] inline floats butterfly(floats value) noexcept {
  integers sign{};
  for (int lane = 0; lane < count; ++lane) sign[lane] = lane & Stride ? ~magnitude_mask : 0;
  return opaque_lanes(swap_lanes<Stride>(value) + (floats)((integers)value ^ sign));
}

/// Flips the sign of value i where bit i of `signs` is set.
template <std::size_t N, std::size_t Words>
inline void flip_signs(float (&values)[N], std::uint32_t const (&signs)[Words]) noexcept {
  static_assert(Words * 32 >= N);
  integers to_sign{};
  for (int lane = 0; lane < count; ++lane) to_sign[lane] = 31 - lane;
  for (std::size_t i = 0; i < N; i += count) {
    auto const word = static_cast<std::int32_t>(signs[i / 32] >> (i % 32));
    integers const flip = ((integers{} + word) << to_sign) & ~magnitude_mask;
    store(load<integers>(values + i) ^ flip, values + i);
  }
}

/// hadamard<N>: butterflies with strides 1, 2, 4, ..., then a factor, then, if asked, rounding to
/// bf16.
template <std::size_t N>
inline void hadamard(float (&values)[N], float factor, bool to_bf16) noexcept {
  constexpr std::size_t parts = N / count;
  floats part[parts];
  for (std::size_t i = 0; i < parts; ++i) {
    part[i] = opaque_lanes(load<floats>(values + i * count));
    part[i] = butterfly<1>(part[i]);
    part[i] = butterfly<2>(part[i]);
    if constexpr (count > 4) part[i] = butterfly<4>(part[i]);
    if constexpr (count > 8) part[i] = butterfly<8>(part[i]);
  }
  for (std::size_t stride = 1; stride < parts; stride *= 2) {
    for (std::size_t first = 0; first < parts; first += 2 * stride) {
      for (std::size_t i = first; i < first + stride; ++i) {
        floats const a = part[i], b = part[i + stride];
        part[i] = opaque_lanes(a + b);
        part[i + stride] = opaque_lanes(a - b);
      }
    }
  }
  for (std::size_t i = 0; i < parts; ++i) {
    floats result = opaque_lanes(part[i] * factor);
    if (to_bf16) {
      auto const bits = (integers)result;
      auto const sum = (naturals)bits + 0x7FFFu + (((naturals)bits >> 16) & 1u);  // wraps for a NaN
      auto const rounded = (integers)sum & ~0xFFFF;
      integers const is_nan = (bits & magnitude_mask) > infinity;
      result = (floats)(is_nan ? integers{} + 0x7FFF'0000 : rounded);
    }
    store(result, values + i * count);
  }
}

#if defined(__clang__)
#pragma float_control(pop)
#endif

}  // namespace nibble::arch::lanes

#endif
