// SPDX-License-Identifier: Apache-2.0
// The atom m16n8k32: one warp multiplies 16x32 elements of 4, 6 or 8 bits by 32x8, with a scale for
// each 32. Blackwell's instruction where the target has it, the same fragments decoded elsewhere.
#pragma once

#include "nibble/mma/bytes.hpp"
#include "nibble/mma/load.cuh"
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
  int const lane = static_cast<int>(threadIdx.x) % warp_size;
  int const quad = lane & ~3, first_column = 2 * (lane % 4);
  std::uint32_t scales_a[2], scales_b[2];
  for (int i = 0; i < 2; ++i) {
    scales_a[i] = __shfl_sync(0xFFFF'FFFFu, a.scales, quad + 2 * Select::lane_a + i);
    scales_b[i] = __shfl_sync(0xFFFF'FFFFu, b.scales, 4 * (first_column + i) + Select::lane_b);
  }
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

/// The four elements of a row from `column` on, a multiple of 4, in bytes; zeros beyond the matrix's
/// blocks.
template <class View>
[[nodiscard]] __device__ __forceinline__ std::uint32_t load_bytes(View const& from,
                                                                  matrix_index row,
                                                                  matrix_index column) {
  using element = typename View::block_type::element_type;
  constexpr matrix_index size = View::block_type::size, width = element::format.width();
  if (row >= from.rows() || column >= nibble::detail::ceil_div(from.columns(), size) * size) {
    return 0;
  }
  auto const handle = from.codes.data_handle();
  std::uint8_t const* const start =
      handle.bytes + (handle.first + row * from.codes.stride(0) + column) * width / 8;
  std::uint32_t packed = 0;
  if (width == 8 && reinterpret_cast<std::uintptr_t>(start) % 4 == 0) {
    packed = *reinterpret_cast<std::uint32_t const*>(start);
  } else {
    for (int i = 0; i < width / 2; ++i) packed |= std::uint32_t{start[i]} << (8 * i);
  }
  return byte_of<element>::spread(packed);
}

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

/// This lane's share of the 16 rows from `row` and the 32 columns from `column`, a multiple of 32.
///
/// shape   view: a quantized_view of blocks of MX, any scale layout; rows and columns beyond it count
///         as zeros. Byte i of the words of scales, in every lane that a selector may name, is the
///         scale of the i-th block from `column` on.
template <class View>
[[nodiscard]] __device__ __forceinline__ a_fragment load_a_bytes(View const& from, matrix_index row,
                                                                 matrix_index column) {
  int const lane = static_cast<int>(threadIdx.x) % warp_size;
  a_fragment result;
  for (int word = 0; word < 4; ++word) {
    operand_index const at = fragments<8>::a({lane, word, 0});
    result.words[word] = detail::load_bytes(from, row + at.outer, column + at.k);
  }
  result.scales = load_scales(from, row + scale_row(lane), column / 32);
  return result;
}

/// This lane's share of B, given as B^T: the 8 rows from `row` of a matrix with blocks along k.
template <class View>
[[nodiscard]] __device__ __forceinline__ b_fragment load_b_bytes(View const& from, matrix_index row,
                                                                 matrix_index column) {
  int const lane = static_cast<int>(threadIdx.x) % warp_size;
  b_fragment result;
  for (int word = 0; word < 2; ++word) {
    operand_index const at = fragments<8>::b({lane, word, 0});
    result.words[word] = detail::load_bytes(from, row + at.outer, column + at.k);
  }
  result.scales = load_scales(from, row + scale_column(lane), column / 32);
  return result;
}

}  // namespace nibble::mma
