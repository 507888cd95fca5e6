// SPDX-License-Identifier: Apache-2.0
// The atom: one warp multiplies 16x64 codes by 64x8, with block scales. Blackwell's instruction where
// the target has it, the same fragments decoded in registers elsewhere.
#pragma once

#include "nibble/arch/convert.hpp"
#include "nibble/arch/ptx.cuh"
#include "nibble/mma/decode.hpp"
#include "nibble/mma/model.hpp"

namespace nibble::mma {

namespace detail {

#if NIBBLE_HAS_MMA_F16

/// The four E4M3 scales of a word.
__device__ __forceinline__ void decode_scales(std::uint32_t word, float (&scales)[4]) {
#if NIBBLE_HAS_CVT_E4M3
  for (int i = 0; i < 4; i += 2) {
    auto const two = static_cast<unsigned short>(word >> (8 * i) & 0xFFFFu);
    std::uint32_t const halves = arch::ptx::cvt_rn_f16x2_e4m3x2(two);
    scales[i] = arch::ptx::cvt_f32_f16(static_cast<unsigned short>(halves & 0xFFFFu));
    scales[i + 1] = arch::ptx::cvt_f32_f16(static_cast<unsigned short>(halves >> 16));
  }
#else
  for (int i = 0; i < 4; ++i) scales[i] = arch::decode<format::e4m3>(word >> (8 * i) & 255u);
#endif
}

/// Gives every lane the words of scales of the two rows and the two columns that its sums lie in.
template <class Select>
__device__ __forceinline__ void exchange_scales(a_fragment const& a, b_fragment const& b,
                                                std::uint32_t (&of_a)[2],
                                                std::uint32_t (&of_b)[2]) {
  int const lane = static_cast<int>(threadIdx.x) % warp_size;
  int const quad = lane & ~3, first_column = 2 * (lane % 4);
  for (int i = 0; i < 2; ++i) {
    of_a[i] = __shfl_sync(0xFFFF'FFFFu, a.scales, quad + 2 * Select::lane_a + i);
    of_b[i] = __shfl_sync(0xFFFF'FFFFu, b.scales, 4 * (first_column + i) + Select::lane_b);
  }
}

/// Gives every lane of a quad four codes of each of the two blocks that a word of the quad covers:
/// codes 0, 1, 4, 5 are of the first block, the others of the second. The order within a block is
/// the same for A and B, and no matter.
__device__ __forceinline__ std::uint32_t deal_blocks(std::uint32_t own) {
  bool const is_first = threadIdx.x % 4 < 2;  // lanes 0 and 1 hold the first block, 8 codes each
  std::uint32_t const other = __shfl_xor_sync(0xFFFF'FFFFu, own, 2);
  return __byte_perm(own, other, is_first ? 0x5140 : 0x3726);
}

/// d += sum * 2^exponent for both scales of MX: halves of the exponent, so that neither factor
/// overflows where the result does not, and no product loses a bit that the result could show.
/// Beyond 2^170 every sum but 0 overflows, as sums are multiples of 2^-32; and as they are below 2^38,
/// the bound keeps the first product finite, or an infinite d could become NaN.
__device__ __forceinline__ float add_power_of_two(float d, float sum, std::uint32_t a,
                                                  std::uint32_t b) {
  if (a == 0xFFu || b == 0xFFu) return arch::constant::nan();
  int const both = static_cast<int>(a + b) - 254;
  int const exponent = both < 170 ? both : 170;
  int const first = exponent >> 1;
  float const scaled = arch::ptx::mul_rn_f32(
      sum, arch::decode<format::e8m0>(static_cast<std::uint32_t>(first + 127)));
  float const rest = arch::decode<format::e8m0>(static_cast<std::uint32_t>(exponent - first + 127));
  return arch::ptx::fma_rn_f32(scaled, rest, d);
}

/// The products of each block on the tensor cores, unscaled and therefore exact: 16 or 32 of them
/// take 13 bits. Then the scales, exactly, and one rounded addition: the model's steps.
template <class Block, class Select>
__device__ __forceinline__ void emulate(sum_fragment& d, a_fragment const& a, b_fragment const& b) {
  constexpr bool is_mx = Block::size == 32;
  constexpr float undo = 0x1p28f;  // decoded codes are 2^-14 of their values, on both sides
  std::uint32_t words_a[2], words_b[2];
  exchange_scales<Select>(a, b, words_a, words_b);
  float scales_a[2][4], scales_b[2][4];
  if constexpr (!is_mx) {
    for (int i = 0; i < 2; ++i) {
      decode_scales(words_a[i], scales_a[i]);
      decode_scales(words_b[i], scales_b[i]);
    }
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    std::uint32_t top[4], bottom[4], right[4];
    decode_e2m1<format::fp16>(deal_blocks(a.words[2 * half]), top);
    decode_e2m1<format::fp16>(deal_blocks(a.words[2 * half + 1]), bottom);
    decode_e2m1<format::fp16>(deal_blocks(b.words[half]), right);
    float sums[4] = {};
#pragma unroll
    for (int part = 0; part < 2; ++part) {
      std::uint32_t const left[4] = {top[2 * part], bottom[2 * part], top[2 * part + 1],
                                     bottom[2 * part + 1]};
      arch::ptx::mma_m16n8k16_f16(sums, left, right[2 * part], right[2 * part + 1]);
      if constexpr (!is_mx) {
        int const block = 2 * half + part;
        for (int i = 0; i < 4; ++i) {
          float const scales = arch::ptx::mul_rn_f32(
              arch::ptx::mul_rn_f32(scales_a[i / 2][block], undo), scales_b[i % 2][block]);
          d.values[i] = arch::ptx::fma_rn_f32(sums[i], scales, d.values[i]);
          sums[i] = 0.0f;
        }
      }
    }
    if constexpr (is_mx) {
      for (int i = 0; i < 4; ++i) {
        auto const byte_of = [half](std::uint32_t word, int first) {
          return word >> (8 * (first + half)) & 255u;
        };
        d.values[i] = add_power_of_two(d.values[i], arch::ptx::mul_rn_f32(sums[i], undo),
                                       byte_of(words_a[i / 2], Select::byte_a),
                                       byte_of(words_b[i % 2], Select::byte_b));
      }
    }
  }
}

#endif  // NIBBLE_HAS_MMA_F16

}  // namespace detail

/// d += A B: called by all 32 lanes of a warp, each with its fragments.
///
/// shape   A: 16 x 64, B: 64 x 8, e2m1 codes; a scale for each Block::size of them. See fragment.hpp.
/// rule    sm_120a, 120f, 121a, 121f: mma.sync with kind::mxf4nvf4. Elsewhere, from sm_80 on, four
///         m16n8k16 products of halves whose sums are exact, scaled and added in FP32.
/// errors  a NaN scale makes NaN of what it reaches. A scale with its sign bit set is unspecified:
///         the emulation subtracts, the instruction is said to ignore it.
/// bits    emulation: those of mma::model, always. The instruction's order of summation is not
///         documented: it equals the model wherever every partial sum fits 24 bits.
template <class Block, class Select = selector<>>
__device__ __forceinline__ void multiply_add([[maybe_unused]] sum_fragment& d,
                                             [[maybe_unused]] a_fragment const& a,
                                             [[maybe_unused]] b_fragment const& b) {
  static_assert(is_atom_block<Block>, "got other blocks than nvfp4_block or mxfp4_block");
  static_assert(Select::template is_for<64 / Block::size>,
                "got a selector of bytes that the scales of this block do not begin at");
#if NIBBLE_HAS_MMA_BLOCK_SCALE
  if constexpr (Block::size == 16) {
    arch::ptx::mma_m16n8k64_mxf4nvf4_4x<Select::lane_a, Select::lane_b>(d.values, a.words, b.words,
                                                                        a.scales, b.scales);
  } else {
    arch::ptx::mma_m16n8k64_mxf4nvf4_2x<Select::lane_a, Select::lane_b, Select::byte_a,
                                        Select::byte_b>(d.values, a.words, b.words, a.scales,
                                                        b.scales);
  }
#elif NIBBLE_HAS_MMA_F16
  detail::emulate<Block, Select>(d, a, b);
#elif NIBBLE_HAS_DEVICE
  static_assert(Block::size == 0, "got a target below sm_80; the atom needs tensor cores");
#endif
}

}  // namespace nibble::mma
