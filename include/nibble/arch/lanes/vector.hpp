// SPDX-License-Identifier: Apache-2.0
// Vectors of the host's registers: the door behind which SIMD lives.
//
// g++ unrolls a loop of 16 before it would vectorise it (100 M elements/s where clang has 1800), so
// the inner steps of a quantizer are written with the vector types that g++ and clang share. Every
// function of this folder has a plain twin next to its caller, with the same bytes; constant
// evaluation and the device use that.
#pragma once

#include "nibble/arch/arithmetic.hpp"

// Little-endian only: nibbles are packed by shifting within 64-bit lanes. Tests of the plain code define it
// as 0 for a whole program.
#if defined(NIBBLE_HAS_LANES)
#elif defined(__GNUC__) && !defined(__CUDACC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NIBBLE_HAS_LANES 1
#else
#define NIBBLE_HAS_LANES 0
#endif

#if NIBBLE_HAS_LANES

namespace nibble::arch::lanes {

#if defined(__clang__)
#pragma float_control(precise, on, push)  // as in arithmetic.hpp
#endif

// Vectors wider than the registers would be taken apart element by element by g++.
#if defined(__AVX512F__)
inline constexpr int bytes = 64;
#elif defined(__AVX2__)
inline constexpr int bytes = 32;
#else
inline constexpr int bytes = 16;
#endif
inline constexpr int count = bytes / 4;

typedef float floats __attribute__((vector_size(bytes)));
typedef std::int32_t integers __attribute__((vector_size(bytes)));
typedef std::uint32_t naturals __attribute__((vector_size(bytes)));  // for sums that may wrap
typedef std::uint64_t pairs __attribute__((vector_size(bytes)));
typedef std::uint8_t packed_pairs __attribute__((vector_size(bytes / 8)));

template <class Vector, class T>
[[nodiscard]] inline Vector load(T const* from) noexcept {
  Vector result;
  __builtin_memcpy(&result, from, sizeof result);
  return result;
}
template <class Vector, class T>
inline void store(Vector const& value, T* to) noexcept {
  __builtin_memcpy(to, &value, sizeof value);
}
[[nodiscard]] inline integers smaller(integers a, integers b) noexcept { return a < b ? a : b; }
[[nodiscard]] inline integers larger(integers a, integers b) noexcept { return a > b ? a : b; }

/// a * b and a / b, each rounded once.
[[nodiscard]] inline floats multiply(floats a, floats b) noexcept { return opaque_lanes(a * b); }
[[nodiscard]] inline floats divide(floats a, floats b) noexcept {
  return opaque_lanes(a / opaque_lanes(b));
}

inline constexpr std::int32_t infinity = 0x7F80'0000;
inline constexpr std::int32_t magnitude_mask = 0x7FFF'FFFF;

/// The sign bits of values that are not NaN, moved to bit 3.
[[nodiscard]] inline integers code_signs(integers bits) noexcept {
  return (bits >> 28) & 8 & ~((bits & magnitude_mask) > infinity);
}

/// Packs one e2m1 code a lane to nibbles, in order.
inline void pack_nibbles(integers codes, std::uint8_t* to) noexcept {
  auto words = (pairs)codes;  // two codes in each, 32 bits apart
  words |= words >> 28;
  store(__builtin_convertvector(words, packed_pairs), to);
}

// The lane numbers as a pack: clang's shuffle takes constants, and <utility> costs more than this
// line.
#if defined(__clang__)
template <class T, T... Lane>
struct order {};
using all_lanes = __make_integer_seq<order, int, count>;
#endif

/// Lane i gets lane i ^ Stride.
template <int Stride, class Vector>
[[nodiscard]] inline Vector swap_lanes(Vector value) noexcept {
#if defined(__clang__)
  return []<int... Lane>(Vector v, order<int, Lane...>) {
    return __builtin_shufflevector(v, v, (Lane ^ Stride)...);
  }
  (value, all_lanes{});
#else
  integers order{};
  for (int lane = 0; lane < count; ++lane) order[lane] = lane ^ Stride;
  return __builtin_shuffle(value, order);
#endif
}

/// N values times a factor.
template <std::size_t N>
inline void multiply(float const (&values)[N], float factor, float (&products)[N]) noexcept {
  for (std::size_t i = 0; i < N; i += count)
    store(opaque_lanes(load<floats>(values + i) * factor), products + i);
}

/// The largest of the bits of |value|, NaN counting as 0.
template <std::size_t N>
[[nodiscard]] inline std::uint32_t amax_bits(float const (&values)[N]) noexcept {
  integers largest{};
  for (std::size_t i = 0; i < N; i += count) {
    integers const magnitude = load<integers>(values + i) & magnitude_mask;
    largest = larger(largest, magnitude & ~(magnitude > infinity));
  }
  if constexpr (count > 8) largest = larger(largest, swap_lanes<8>(largest));
  if constexpr (count > 4) largest = larger(largest, swap_lanes<4>(largest));
  largest = larger(largest, swap_lanes<2>(largest));
  largest = larger(largest, swap_lanes<1>(largest));
  return static_cast<std::uint32_t>(largest[0]);
}

#if defined(__clang__)
#pragma float_control(pop)
#endif

}  // namespace nibble::arch::lanes

#endif
