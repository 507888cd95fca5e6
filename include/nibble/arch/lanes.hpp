// SPDX-License-Identifier: Apache-2.0
// The inner steps of a quantizer on several elements at once, for the host: the door behind which SIMD
// lives. g++ unrolls a loop of 16 before it would vectorise it (100 M elements/s where clang has 1800), so
// the steps are written with the vector types that g++ and clang share. Every function here has a plain
// twin next to its caller, with the same bytes; constant evaluation and the device use that one.
#pragma once

#include "nibble/arch/arithmetic.hpp"

// Little-endian only: nibbles are packed by shifting within 64-bit lanes.
#if defined(__GNUC__) && !defined(__CUDACC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NIBBLE_HAS_LANES 1
#else
#define NIBBLE_HAS_LANES 0
#endif

#if NIBBLE_HAS_LANES

namespace nibble::arch::lanes {

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

// The lane numbers as a pack: clang's shuffle takes constants, and <utility> costs more than this line.
#if defined(__clang__)
#pragma float_control(precise, on, push)  // as in arithmetic.hpp
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
  }(value, all_lanes{});
#else
  integers order{};
  for (int lane = 0; lane < count; ++lane) order[lane] = lane ^ Stride;
  return __builtin_shuffle(value, order);
#endif
}

/// N values times a factor.
template <std::size_t N>
inline void multiply(float const (&values)[N], float factor, float (&products)[N]) noexcept {
  for (std::size_t i = 0; i < N; i += count) store(opaque_lanes(load<floats>(values + i) * factor), products + i);
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

/// Where |value| falls on the grid of e2m1.
///
/// rule    the sum of |value| and `offset`, whose last place is the step of the grid in that binade (.5 up
///         to 2, then 1, then 2), is rounded to nearest even; so sum - offset is the grid's number, and the
///         difference of their bits counts its steps. Beyond 8, and for NaN, 8 stands for |value|.
struct e2m1_place {
  integers binade, offset;
  floats sum;
};
[[nodiscard]] inline e2m1_place round_to_e2m1(integers bits) noexcept {
  integers const magnitude = smaller(bits & magnitude_mask, integers{} + 0x4100'0000);
  integers const binade = larger(magnitude & infinity, integers{} + 0x3F80'0000);
  integers const offset = binade + (22 << 23 | 0x40'0000);
  return {binade, offset, opaque_lanes((floats)magnitude + (floats)offset)};
}

/// The codes of |value|: two for every binade above 1, and the steps.
[[nodiscard]] inline integers e2m1_magnitudes(integers bits) noexcept {
  auto const [binade, offset, sum] = round_to_e2m1(bits);
  return smaller((integers)sum - offset + (binade >> 22) - 254, integers{} + 7);
}

/// The numbers that |value| is rounded to.
[[nodiscard]] inline integers e2m1_nearest_bits(integers bits) noexcept {
  auto const [binade, offset, sum] = round_to_e2m1(bits);
  return smaller((integers)(sum - (floats)offset), integers{} + 0x40C0'0000);
}

/// The values of e2m1 magnitudes: from 2 on, a code has its bits at the bottom of the exponent; 1 is .5.
[[nodiscard]] inline integers e2m1_value_bits(integers magnitude) noexcept {
  return ((magnitude << 22) + 0x3F00'0000) &
         ((magnitude > 1) | ((magnitude > 0) & 0x3F00'0000));
}

/// N e2m1 codes to nearest even, packed.
template <std::size_t N>
inline void encode_e2m1(float const (&values)[N], std::uint8_t (&to)[N / 2]) noexcept {
  for (std::size_t i = 0; i < N; i += count) {
    auto const bits = load<integers>(values + i);
    pack_nibbles(e2m1_magnitudes(bits) | code_signs(bits), to + i / 2);
  }
}

/// What values lose as e2m1 under a scale: ((code * scale) * amax) / range - value, each step rounded.
[[nodiscard]] inline floats e2m1_differences(floats value, float scale, float encode, float amax,
                                             float range) noexcept {
  auto const bits = (integers)(value * encode);
  integers const sign = bits & ~magnitude_mask & ~((bits & magnitude_mask) > infinity);
  auto const code = (floats)(e2m1_nearest_bits(bits) | sign);
  floats const decoded = opaque_lanes(opaque_lanes(code * scale) * amax);
  return opaque_lanes(decoded / opaque_lanes(floats{} + range)) - opaque_lanes(value);
}

/// The sums of |difference|, or of its square, of N values under each of several scales, each in order.
///
/// rule    the terms go through memory: an addition can read it, where lanes had to be taken out first.
template <std::size_t N, std::size_t Scales>
inline void e2m1_errors(float const (&values)[N], bool squared, float const (&scale)[Scales],
                        float const (&encode)[Scales], float amax, float range,
                        float (&sums)[Scales]) noexcept {
  float terms[Scales][N];
  for (std::size_t s = 0; s < Scales; ++s) {
    for (std::size_t i = 0; i < N; i += count) {
      floats const lost = e2m1_differences(load<floats>(values + i), scale[s], encode[s], amax, range);
      floats const size = (floats)((integers)lost & magnitude_mask);
      store(squared ? opaque_lanes(lost * lost) : size, terms[s] + i);
    }
  }
  asm("" : "+m"(terms));
  for (std::size_t s = 0; s < Scales; ++s) sums[s] = 0;
  for (std::size_t i = 0; i < N; ++i) {
    for (std::size_t s = 0; s < Scales; ++s) sums[s] += terms[s][i];
  }
}

/// One stage of butterflies whose partners are Stride lanes apart: a + b below, a - b above, which is the
/// other lane's value plus this one's with its sign flipped.
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
  integers bit{};
  for (int lane = 0; lane < count; ++lane) bit[lane] = 1 << lane;
  for (std::size_t i = 0; i < N; i += count) {
    auto const word = static_cast<std::int32_t>(signs[i / 32] >> (i % 32));
    integers const flip = ((integers{} + word) & bit) == bit;
    store(load<integers>(values + i) ^ (flip & ~magnitude_mask), values + i);
  }
}

/// hadamard<N>: butterflies with strides 1, 2, 4, ..., then a factor, then, if asked, rounding to bf16.
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
      integers const rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & ~0xFFFF;
      integers const is_nan = (bits & magnitude_mask) > infinity;
      result = (floats)((rounded & ~is_nan) | (is_nan & 0x7FFF'0000));
    }
    store(result, values + i * count);
  }
}

/// N e2m1 codes by stochastic rounding with Bits random bits each, packed.
///
/// rule    t = floor(|y| 2^(Bits + 1)) counts steps of .5 in units of 2^-Bits. Adding the random number
///         and dropping Bits bits rounds to a multiple of .5; the same of t / 2 and t / 4 to multiples
///         of 1 and 2. The code is the least of the three, counted from where their binades begin.
template <int Bits, std::size_t N>
inline void encode_e2m1_stochastic(float const (&values)[N], std::uint32_t const (&random)[N],
                                   std::uint8_t (&to)[N / 2]) noexcept {
  constexpr float scale = static_cast<float>(1u << (Bits + 1));
  constexpr std::int32_t eight = 0x4100'0000;  // as a float: beyond it nothing changes
  for (std::size_t i = 0; i < N; i += count) {
    auto const bits = load<integers>(values + i);
    auto const noise = load<integers>(random + i);
    integers const clamped = smaller(bits & magnitude_mask, integers{} + eight);
    integers const t = __builtin_convertvector((floats)clamped * scale, integers);
    integers const by_half = (t + noise) >> Bits;
    integers const by_one = (((t >> 1) + noise) >> Bits) + 2;
    integers const by_two = (((t >> 2) + noise) >> Bits) + 4;
    integers const code = smaller(smaller(by_half, by_one), smaller(by_two, integers{} + 7));
    pack_nibbles(code | code_signs(bits), to + i / 2);
  }
}

/// N packed e2m1 codes times a factor.
template <std::size_t N>
inline void decode_e2m1(std::uint8_t const (&from)[N / 2], float factor, float* to) noexcept {
  for (std::size_t i = 0; i < N; i += count) {
    // Each 64-bit lane gets one byte; its high nibble moves to the upper half.
    auto words = __builtin_convertvector(load<packed_pairs>(from + i / 2), pairs);
    words = (words | words << 28) & 0x0000'000F'0000'000Fu;
    auto const codes = (integers)words;
    store(opaque_lanes((floats)(e2m1_value_bits(codes & 7) | (codes & 8) << 28) * factor), to + i);
  }
}

/// Low half times a constant, in every 64-bit lane. clang sees the instruction in the plain product.
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
  for (int lane = 0; lane < count / 2; ++lane) call[lane] = first + static_cast<std::uint64_t>(lane);
  pairs c0 = call, c1 = call >> 32, c2 = pairs{} + stream, c3 = c2 >> 32;  // upper halves do not count
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
    __builtin_memcpy(words + 4 * lane, both, sizeof both);
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

#if defined(__clang__)
#pragma float_control(pop)
#endif

}  // namespace nibble::arch::lanes

#endif
