// SPDX-License-Identifier: Apache-2.0
// Blocks that lanes of a warp make together, eight values each: a load of 16 bytes is eight bf16, so
// a kernel that produces values that way need not gather them.
#pragma once

#include "nibble/quantizer.hpp"
#include "nibble/transform/random_hadamard.hpp"

namespace nibble::device {

/// A lane's share of a block: eight codes, and the scale that it holds together with others.
template <class Quantizer>
struct lane_codes {
  packed<typename Quantizer::element_type, 8> codes;
  typename Quantizer::scale_type scale;
};

/// Where a lane's values lie in a tile of 16x16: eight of them from (row, column) on.
struct lane_place {
  int row, column;
};
[[nodiscard]] __device__ __forceinline__ lane_place place_in_tile() {
  int const lane = static_cast<int>(threadIdx.x) % 32;
  return {lane / 2, lane % 2 * 8};
}

/// Quantizes what the lanes of a warp hold: sixteen blocks of 1x16, lanes 2i and 2i + 1 the two
/// halves of one, or, under a scaling of squares, a tile of 16x16 that lies as place_in_tile says.
///
/// shape   values: eight. index: the place of the first of them in the row-major order of the whole
///         matrix. All 32 lanes must call it; lanes without values pass zeros. No shared memory. A
///         transform is applied before, by transform_by_lanes.
/// bits    those of q(group, factors, position) for the whole block or tile.
template <class Quantizer>
[[nodiscard]] __device__ lane_codes<Quantizer> quantize_by_lanes(
    float const (&values)[8], Quantizer const& q, typename Quantizer::factors const& factors,
    std::uint64_t index) {
  using block_type = typename Quantizer::block_type;
  using scaling_type = typename Quantizer::scaling_type;
  static_assert(block_type::size == 16, "got blocks of another size; pairs of lanes make 16");
  static_assert(scaling::needs_amax_only<scaling_type, block_type>,
                "got a scaling that looks at every value; give one thread the whole block");
  std::uint32_t largest = scaling::row_amax_bits(values);
  constexpr int sharing = scaling_type::shape == scaling::tile::square ? 32 : 2;
  for (int other = 1; other < sharing; other *= 2) {
    std::uint32_t const found = __shfl_xor_sync(0xFFFF'FFFFu, largest, other);
    largest = found > largest ? found : largest;
  }
  auto const chosen = scaling_type::template choose_for<block_type>(
      nibble::detail::float_from_bits(largest), factors);
  float scaled[8];
  for (int i = 0; i < 8; ++i) scaled[i] = arch::multiply(values[i], chosen.encode);
  return {q.rounding.template encode<typename Quantizer::element_type>(scaled, index),
          chosen.scale};
}

/// Applies a Hadamard transform of Size to values that Size / N neighbouring lanes hold, N each.
///
/// shape   lane l of the group holds values N l to N l + N - 1; groups begin at multiples of their
///         size. All 32 lanes must call it. No shared memory: log2(Size / N) shuffles a value.
/// bits    those of transform::hadamard::apply: the same butterflies in the same order.
template <std::size_t N, int Size, class Result>
__device__ void transform_by_lanes(float (&values)[N], transform::hadamard<Size, Result> const&) {
  constexpr int lanes = Size / int{N};
  static_assert(Size % int{N} == 0 && lanes <= 32, "got lanes that hold no equal shares");
  for (int stride = 1; stride < int{N}; stride *= 2) {
    for (int first = 0; first < int{N}; first += 2 * stride) {
      for (int i = first; i < first + stride; ++i) {
        float const a = values[i], b = values[i + stride];
        values[i] = arch::add(a, b);
        values[i + stride] = arch::subtract(a, b);
      }
    }
  }
  for (int step = 1; step < lanes; step *= 2) {
    bool const is_second = (threadIdx.x & static_cast<unsigned>(step)) != 0;
    for (float& value : values) {
      float const other = __shfl_xor_sync(0xFFFF'FFFFu, value, step);
      value = is_second ? arch::subtract(other, value) : arch::add(value, other);
    }
  }
  for (float& value : values) {
    value = arch::multiply(value, transform::hadamard<Size, Result>::factor);
    if constexpr (std::is_same_v<Result, bf16>) value = static_cast<float>(bf16(value));
  }
}

/// The same with random signs.
template <std::size_t N, int Size, class Result>
__device__ void transform_by_lanes(float (&values)[N],
                                   transform::random_hadamard<Size, Result> const& t) {
  int const first = static_cast<int>(threadIdx.x) % (Size / int{N}) * int{N};
  for (int i = 0; i < int{N}; ++i) {
    // Words by constant number, so that they stay in registers.
    std::uint32_t word = 0;
    for (int w = 0; w < t.sign_words; ++w) word = (first + i) / 32 == w ? t.signs[w] : word;
    values[i] = arch::flip_sign(values[i], (word >> ((first + i) % 32) & 1u) << 31);
  }
  transform_by_lanes(values, transform::hadamard<Size, Result>{});
}

}  // namespace nibble::device
