// SPDX-License-Identifier: Apache-2.0
// How the kernel of weight_only.cuh comes by its operands: steps of packed weights copied to shared
// memory ahead of their use, and x straight from memory.
#pragma once

#include "nibble/mma/load.cuh"

namespace nibble::device::detail {

inline constexpr int few_warps = 8;   // of a block of threads: they share the columns
inline constexpr int few_step = 128;  // columns a warp takes at once
inline constexpr int few_rows = 32;   // of x that one pass over W serves

/// A step of a warp's weights in shared memory: rows of 64 bytes whose four pieces are permuted, so
/// that eight rows lie in different banks, and the rows' eight scales.
template <int Rows>
struct few_weights {
  uint4 codes[Rows][4];
  uint2 scales[Rows];

  __device__ __forceinline__ uint4& piece(int row, int i) { return codes[row][i ^ (row / 2 % 4)]; }
};

/// Bytes from one row and one step to the next, where the launcher found the weights to be vectors.
struct few_strides {
  matrix_index code_row, scale_step;
};

/// What a lane brings of each step: a piece of Rows / 8 rows, and half the scales of Rows / 16.
/// Rows past the end repeat the last one (nobody writes their sums), columns past it are zeros.
template <int Rows>
struct few_source {
  std::uint8_t const* codes;
  std::uint8_t const* scales;
  std::uint32_t code_offsets[Rows / 8];  // from the first row's; 32 bits keep the loop short
  std::uint32_t scale_offsets[Rows / 16];

  template <class W>
  __device__ __forceinline__ few_source(W const& w, matrix_index first_row, few_strides strides)
      : codes(w.codes.data_handle().bytes + first_row * strides.code_row),
        scales(reinterpret_cast<std::uint8_t const*>(w.scales.data_handle())) {
    int const lane = static_cast<int>(threadIdx.x) % 32;
    auto const last =
        static_cast<int>(w.rows() - 1 - first_row < Rows ? w.rows() - 1 - first_row : Rows);
    for (int j = 0; j < Rows / 8; ++j) {
      int const r = lane / 4 + 8 * j < last ? lane / 4 + 8 * j : last;
      code_offsets[j] = static_cast<std::uint32_t>(r * strides.code_row) + 16u * (threadIdx.x % 4);
    }
    for (int j = 0; j < Rows / 16; ++j) {
      int const r = lane / 2 + 16 * j < last ? lane / 2 + 16 * j : last;
      auto const at = w.scales.mapping()((first_row + r) / w.rows_per_scale(), 0);
      scale_offsets[j] = static_cast<std::uint32_t>(at + lane % 2 * (strides.scale_step / 2));
    }
  }

  __device__ __forceinline__ void fetch([[maybe_unused]] few_weights<Rows>& to, matrix_index step,
                                        matrix_index columns, few_strides strides) const {
#if NIBBLE_HAS_MMA_F16
    int const lane = static_cast<int>(threadIdx.x) % 32;
    auto const left = static_cast<int>(
        columns - few_step * step < few_step ? columns - few_step * step : few_step);
    std::uint32_t const code_bytes = 32 * (lane % 4) < left ? 16 : 0;
    std::uint32_t const scale_bytes = 64 * (lane % 2) < left ? 4 : 0;
    std::uint8_t const* const step_codes = codes + step * (few_step / 2);
    std::uint8_t const* const step_scales = scales + step * strides.scale_step;
#pragma unroll
    for (int j = 0; j < Rows / 8; ++j) {
      arch::ptx::cp_async_16(&to.piece(lane / 4 + 8 * j, lane % 4), step_codes + code_offsets[j],
                             code_bytes);
    }
#pragma unroll
    for (int j = 0; j < Rows / 16; ++j) {
      auto* const target = reinterpret_cast<std::uint32_t*>(&to.scales[lane / 2 + 16 * j]);
      arch::ptx::cp_async_4(target + lane % 2, step_scales + scale_offsets[j], scale_bytes);
    }
#endif
  }
};

/// The same step by ordinary loads, for any alignment and any shape.
template <int Rows, class W>
__device__ __forceinline__ void fetch_any(few_weights<Rows>& to, W const& w, matrix_index first_row,
                                          matrix_index step) {
  int const lane = static_cast<int>(threadIdx.x) % 32;
  for (int i = lane; i < Rows * 4; i += 32) {
    matrix_index const row = first_row + i / 4, first = few_step * step + 32 * (i % 4);
    to.piece(i / 4, i % 4) = {mma::load_codes(w, row, first), mma::load_codes(w, row, first + 8),
                              mma::load_codes(w, row, first + 16),
                              mma::load_codes(w, row, first + 24)};
  }
  for (int i = lane; i < Rows * 2; i += 32) {
    reinterpret_cast<std::uint32_t*>(&to.scales[i / 2])[i % 2] =
        mma::load_scales(w, first_row + i / 2, few_step * step / 16 + 4 * (i % 2));
  }
}

/// Eight 16-bit elements as pairs (j, j + 4), the order in which codes are decoded.
__device__ __forceinline__ void pair_eight(uint4 const& v, std::uint32_t (&pairs)[4]) {
  pairs[0] = __byte_perm(v.x, v.z, 0x5410);
  pairs[1] = __byte_perm(v.x, v.z, 0x7632);
  pairs[2] = __byte_perm(v.y, v.w, 0x5410);
  pairs[3] = __byte_perm(v.y, v.w, 0x7632);
}

/// Eight elements of a row of x from `from` on; `left` of them are there, and zeros beyond: all or
/// none of them if Whole.
template <bool Whole, class T>
[[nodiscard]] __device__ __forceinline__ uint4 load_eight(T const* from, matrix_index step,
                                                          matrix_index left) {
  if constexpr (Whole) {
    return left >= 8 ? __ldg(reinterpret_cast<uint4 const*>(from)) : uint4{};
  } else {
    std::uint32_t words[4] = {};
    for (int i = 0; i < 8 && i < left; ++i) {
      words[i / 2] |= static_cast<std::uint32_t>(from[i * step].bits()) << (i % 2 * 16);
    }
    return {words[0], words[1], words[2], words[3]};
  }
}

}  // namespace nibble::device::detail
