// SPDX-License-Identifier: Apache-2.0
// The atom m16n8k32: one warp multiplies 16x32 elements of 4, 6 or 8 bits by 32x8, with a scale for
// each 32. Blackwell's instruction where the target has it, the same fragments decoded elsewhere.
#pragma once

#include "nibble/mma/bytes.hpp"
#include "nibble/mma/multiply_add.cuh"

namespace nibble::mma {

namespace detail {

#if NIBBLE_HAS_MMA_F16

/// Every element is a half, exactly, so two products of halves make the 32 products. (FP8 tensor cores
/// would take one, but those of sm_90 add with some 14 bits.) A lane's word holds four successive k of
/// A and of B alike, so pairs go to the lanes that they are in.
template <class BlockA, class BlockB, class Select>
__device__ __forceinline__ void emulate_bytes(sum_fragment& d, a_fragment const& a,
                                              b_fragment const& b) {
  using left_byte = byte_of<typename BlockA::element_type>;
  using right_byte = byte_of<typename BlockB::element_type>;
  constexpr int exponent = -halves_exponent<BlockA::element_type::format> -
                           halves_exponent<BlockB::element_type::format>;
  constexpr auto undo = static_cast<float>(std::uint64_t{1} << exponent);
  std::uint32_t scales_a[2], scales_b[2];
  exchange_scales<Select>(a, b, scales_a, scales_b);
  float sums[4] = {};
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    std::uint32_t top[2], bottom[2], right[2];
    left_byte::to_halves(a.words[2 * half], top);
    left_byte::to_halves(a.words[2 * half + 1], bottom);
    right_byte::to_halves(b.words[half], right);
    std::uint32_t const left[4] = {top[0], bottom[0], top[1], bottom[1]};
    arch::ptx::mma_m16n8k16_f16(sums, left, right[0], right[1]);
  }
  for (int i = 0; i < 4; ++i) {
    d.values[i] = add_power_of_two(d.values[i], arch::ptx::mul_rn_f32(sums[i], undo),
                                   scales_a[i / 2] >> (8 * Select::byte_a) & 255u,
                                   scales_b[i % 2] >> (8 * Select::byte_b) & 255u);
  }
}

#endif  // NIBBLE_HAS_MMA_F16

}  // namespace detail

/// d += A B: called by all 32 lanes of a warp, each with its fragments.
///
/// shape   A: 16 x 32, B: 32 x 8, elements in bytes (bytes.hpp), one scale a row of A and column of
///         B. BlockA and BlockB may differ.
/// rule    sm_120a, 120f, 121a, 121f: mma.sync with kind::mxf8f6f4. Elsewhere, from sm_80 on, two
///         m16n8k16 products of halves, then the scales and d in FP32 with one rounding.
/// errors  a NaN element or scale makes NaN of what it reaches; infinities (e5m2) as in IEEE 754.
/// bits    emulation: those of mma::model_bytes where the sum of the products' magnitudes fits 24 bits
///         above their common unit, which it always does if neither operand is FP8; with FP8 within
///         2^-19 of the sum of magnitudes, scales included, and |d|. The instruction's order of
///         summation is not documented.
template <class BlockA, class BlockB = BlockA, class Select = selector<>>
__device__ __forceinline__ void multiply_add_bytes([[maybe_unused]] sum_fragment& d,
                                                   [[maybe_unused]] a_fragment const& a,
                                                   [[maybe_unused]] b_fragment const& b) {
  static_assert(is_byte_block<BlockA> && is_byte_block<BlockB>, "got blocks other than MX's");
#if NIBBLE_HAS_MMA_BLOCK_SCALE
  arch::ptx::mma_m16n8k32_mxf8f6f4_1x<byte_of<typename BlockA::element_type>,
                                      byte_of<typename BlockB::element_type>, Select::lane_a,
                                      Select::lane_b, Select::byte_a, Select::byte_b>(
      d.values, a.words, b.words, a.scales, b.scales);
#elif NIBBLE_HAS_MMA_F16
  detail::emulate_bytes<BlockA, BlockB, Select>(d, a, b);
#elif NIBBLE_HAS_DEVICE
  static_assert(BlockA::size == 0, "got a target below sm_80; the atom needs tensor cores");
#endif
}

}  // namespace nibble::mma
