// SPDX-License-Identifier: Apache-2.0
// A product tile for a whole block of threads, so that the target may choose who makes what: warps of
// 64x64 with mma.sync, or groups of four warps with Hopper's wgmma.
#pragma once

#include "nibble/mma/tile.cuh"

namespace nibble::mma {

/// 128 rows by 256 columns, by 256 threads.
///
/// rule    sm_90a: two groups of four warps, 64 x 256 each, read both operands from shared memory.
///         Elsewhere eight warps of 64 x 64.
/// bits    as warp_tile.
struct block_tile {
  static constexpr int rows = 128, columns = 256, threads = 256, fragments = 32;
  warp_tile<4, 8> sums;

  /// Stages of each operand that multiply_add_ahead takes turns with.
#if NIBBLE_HAS_WGMMA
  static constexpr int stages = 3;
#else
  static constexpr int stages = 2;
#endif

  /// sums += A B; calls between(step) for step = 0 .. 3 while products are under way. All threads
  /// call it, after publish_stages, and none writes to these stages before the next one.
  template <class Between>
  __device__ __forceinline__ void multiply_add(stage<rows> const& a, stage<columns> const& b,
                                               Between&& between) noexcept {
    start(a, b, between);
    settle();
  }
  /// The same, but the products may still be under way when it returns: none writes to these stages
  /// before publish_stages after the next call, and settle comes before the sums are looked at.
  template <class Between>
  __device__ __forceinline__ void multiply_add_ahead(stage<rows> const& a, stage<columns> const& b,
                                                     Between&& between) noexcept {
    start(a, b, between);
#if NIBBLE_HAS_WGMMA
    arch::ptx::wgmma_wait_earlier();
#endif
  }
  /// Waits for the products.
  __device__ __forceinline__ void settle() noexcept {
#if NIBBLE_HAS_WGMMA
    arch::ptx::wgmma_wait(reinterpret_cast<float(&)[128]>(sums.sums));
#endif
  }

  /// Value i (0 to 3) of fragment f of this thread; values 2 j and 2 j + 1 are neighbours in a row.
  [[nodiscard]] __device__ __forceinline__ float value(int f, int i) const noexcept {
    return sums.value(f / 8, f % 8, i);
  }
  /// Where in the tile it lies.
  [[nodiscard]] __device__ __forceinline__ sum_index element(int f, int i) const noexcept {
    int const warp = static_cast<int>(threadIdx.x) / warp_size;
    sum_index const in = sum_element(static_cast<int>(threadIdx.x) % warp_size, i);
#if NIBBLE_HAS_WGMMA
    return {16 * warp + in.row, 8 * f + in.column};
#else
    return {warp % 2 * 64 + f / 8 * 16 + in.row, warp / 2 * 64 + f % 8 * 8 + in.column};
#endif
  }

 private:
  template <class Between>
  __device__ __forceinline__ void start(stage<rows> const& a, stage<columns> const& b,
                                        Between&& between) noexcept {
    int const warp = static_cast<int>(threadIdx.x) / warp_size;
#if NIBBLE_HAS_WGMMA
    auto& values = reinterpret_cast<float(&)[128]>(sums.sums);
    auto const of_a = arch::ptx::wgmma_descriptor(a.pieces[warp / 4 * 64 * 8]);
    auto const of_b = arch::ptx::wgmma_descriptor(b.pieces);
    arch::ptx::wgmma_fence();
#pragma unroll
    for (unsigned step = 0; step < 4; ++step) {
      arch::ptx::wgmma_m64n256k16_f16(values, of_a + 2 * step, of_b + 2 * step);
    }
    arch::ptx::wgmma_commit();
#pragma unroll
    for (int step = 0; step < 4; ++step) between(step);
#else
    sums.multiply_add(a, warp % 2 * 64, b, warp / 2 * 64, between);
#endif
  }
};

}  // namespace nibble::mma
