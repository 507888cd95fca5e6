// SPDX-License-Identifier: Apache-2.0
// Products of digits on int8 tensor cores, summed by weight: 64 x 128 results by a block of 256 threads.
#pragma once

#include "nibble/device/digits.cuh"
#include "nibble/mma/tile.cuh"

namespace nibble::device::detail {

/// The digits of 64 columns of so many rows: a piece of 16 bytes is a block's digit.
///
/// shape   rows lie one below the other, so that eight of them are 128 bytes in different banks and the
///         form that wgmma takes unpermuted; then the next block, then the next digit.
template <int Rows>
struct digit_stage {
  static constexpr int blocks = 4, bytes_of_block = 16 * Rows;
  static_assert(Rows % 8 == 0, "got rows that are no multiple of 8, which lie together");
  alignas(128) std::uint32_t pieces[digit_count * blocks * Rows][4];

  [[nodiscard]] __device__ __forceinline__ std::uint32_t* piece(int digit, int block, int row) {
    return pieces[(digit * blocks + block) * Rows + row];
  }
};

/// The sums by weight of a tile.
///
/// rule    sm_90a: two groups of four warps, 64 x 64 each, read both operands from shared memory.
///         Elsewhere eight warps of 32 x 32.
/// bits    exact over chunks of digit_chunk columns, see digits.cuh.
struct digit_sums {
  static constexpr int rows = 64, columns = 128, threads = 256, count = 32;
  int sums[weight_count][count] = {};

  /// Adds the products of 64 columns; calls between(step) for step = 0 to 3 while they are under way.
  /// All threads call it, after mma::publish_stages, and none writes to these stages before the next.
  template <class Between>
  __device__ __forceinline__ void multiply_add([[maybe_unused]] digit_stage<rows>& a,
                                               [[maybe_unused]] digit_stage<columns>& b,
                                               Between&& between) {
#if NIBBLE_HAS_WGMMA
    int const column = static_cast<int>(threadIdx.x) / 128 * 64;
    arch::ptx::wgmma_fence();
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int d = 0; d < digit_count; ++d) {
        auto const left =
            arch::ptx::wgmma_plain_descriptor(a.piece(d, 2 * half, 0), a.bytes_of_block);
#pragma unroll
        for (int e = 0; e < digit_count; ++e) {
          auto const right =
              arch::ptx::wgmma_plain_descriptor(b.piece(e, 2 * half, column), b.bytes_of_block);
          arch::ptx::wgmma_m64n64k32_s8(sums[d + e], left, right);
        }
      }
    }
    arch::ptx::wgmma_commit();
#pragma unroll
    for (int step = 0; step < 4; ++step) between(step);
    arch::ptx::wgmma_wait(sums);
#else
#if NIBBLE_HAS_MMA_F16
    int const lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    int const row = warp % 2 * 32, column = warp / 2 * 32;
    std::uint32_t left[digit_count][2][4];
#endif
#pragma unroll
    for (int step = 0; step < 4; ++step) {  // half of the columns of K, half of B's rows
#if NIBBLE_HAS_MMA_F16
      int const first = step / 2 * 2, n = step % 2 * 2;
#pragma unroll
      for (int d = 0; d < digit_count && n == 0; ++d) {
#pragma unroll
        for (int m = 0; m < 2; ++m) {
          arch::ptx::ldmatrix_x4(left[d][m],
                                 a.piece(d, first + lane / 16, row + 16 * m + lane % 16));
        }
      }
#pragma unroll
      for (int e = 0; e < digit_count; ++e) {
        std::uint32_t right[4];
        arch::ptx::ldmatrix_x4(
            right, b.piece(e, first + lane / 8 % 2, column + 8 * n + lane % 8 + lane / 16 * 8));
#pragma unroll
        for (int d = 0; d < digit_count; ++d) {
#pragma unroll
          for (int m = 0; m < 2; ++m) {
#pragma unroll
            for (int i = 0; i < 2; ++i) {
              auto& four = reinterpret_cast<int(&)[4]>(sums[d + e][16 * m + 4 * (n + i)]);
              arch::ptx::mma_m16n8k32_s8(four, left[d][m], right[2 * i], right[2 * i + 1]);
            }
          }
        }
      }
#endif
      between(step);
    }
#endif
  }

  /// Value n of this thread in units of 2^-20; values 2 j and 2 j + 1 are neighbours in a row.
  [[nodiscard]] __device__ __forceinline__ std::int64_t units(int n) const {
    std::int64_t result = 0;
#pragma unroll
    for (int w = 0; w < weight_count; ++w) result += weigh(w, sums[w][n]);
    return result;
  }
  /// Where in the tile it lies.
  [[nodiscard]] static __device__ __forceinline__ mma::sum_index element(int n) {
    int const warp = static_cast<int>(threadIdx.x) / 32;
    auto const in = mma::sum_element(static_cast<int>(threadIdx.x) % 32, n % 4);
#if NIBBLE_HAS_WGMMA
    return {warp % 4 * 16 + in.row, warp / 4 * 64 + n / 4 * 8 + in.column};
#else
    return {warp % 2 * 32 + n / 16 * 16 + in.row, warp / 2 * 32 + n / 4 % 4 * 8 + in.column};
#endif
  }
};

}  // namespace nibble::device::detail
