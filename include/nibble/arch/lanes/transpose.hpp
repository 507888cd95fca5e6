// SPDX-License-Identifier: Apache-2.0
// Rows to lanes: what has an order along a row then needs no step across lanes.
#pragma once

#include "nibble/arch/lanes/vector.hpp"

#if NIBBLE_HAS_LANES

namespace nibble::arch::lanes {

/// Lane i gets b's lane i ^ Stride where i has that bit, and a's lane i where it does not.
template <int Stride>
[[nodiscard]] inline floats take_lower(floats a, floats b) noexcept {
#if defined(__clang__)
  return []<int... Lane>(floats x, floats y, order<int, Lane...>) {
    return __builtin_shufflevector(x, y, (Lane & Stride ? count + (Lane ^ Stride) : Lane)...);
  }
  (a, b, all_lanes{});
#else
  integers from{};
  for (int lane = 0; lane < count; ++lane)
    from[lane] = lane & Stride ? count + (lane ^ Stride) : lane;
  return __builtin_shuffle(a, b, from);
#endif
}

/// Lane i gets b's lane i where i has the bit Stride, and a's lane i ^ Stride where it does not.
template <int Stride>
[[nodiscard]] inline floats take_upper(floats a, floats b) noexcept {
#if defined(__clang__)
  return []<int... Lane>(floats x, floats y, order<int, Lane...>) {
    return __builtin_shufflevector(x, y, (Lane & Stride ? count + Lane : Lane ^ Stride)...);
  }
  (a, b, all_lanes{});
#else
  integers from{};
  for (int lane = 0; lane < count; ++lane)
    from[lane] = lane & Stride ? count + lane : lane ^ Stride;
  return __builtin_shuffle(a, b, from);
#endif
}

/// Swaps the off-diagonal quarters of every square of 2 Stride x 2 Stride.
template <int Stride>
inline void swap_quarters(floats (&square)[std::size_t{count}]) noexcept {
  for (int i = 0; i < count; ++i) {
    if ((i & Stride) != 0) continue;
    floats const a = square[i], b = square[i + Stride];
    square[i] = take_lower<Stride>(a, b);
    square[i + Stride] = take_upper<Stride>(a, b);
  }
}

/// Swaps rows and lanes.
inline void transpose(floats (&square)[std::size_t{count}]) noexcept {
  swap_quarters<1>(square);
  swap_quarters<2>(square);
  if constexpr (count > 4) swap_quarters<4>(square);
  if constexpr (count > 8) swap_quarters<8>(square);
}

/// The magnitudes of `count` rows, one row a lane.
template <std::size_t Columns>
inline void transpose_magnitudes(float const (*rows)[Columns],
                                 floats (&columns)[Columns]) noexcept {
  static_assert(Columns % std::size_t{count} == 0, "got a row that fills no whole vectors");
  for (std::size_t first = 0; first < Columns; first += std::size_t{count}) {
    floats square[std::size_t{count}];
    for (int i = 0; i < count; ++i) {
      square[i] = (floats)(load<integers>(rows[i] + first) & magnitude_mask);
    }
    transpose(square);
    for (std::size_t i = 0; i < std::size_t{count}; ++i) columns[first + i] = square[i];
  }
}

}  // namespace nibble::arch::lanes

#endif
