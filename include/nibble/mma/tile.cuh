// SPDX-License-Identifier: Apache-2.0
// The atom for whole kernels: operands of 64 columns staged in shared memory in the form that the
// target multiplies, so that where codes must be decoded each is decoded once a block of threads.
#pragma once

#include "nibble/block.hpp"
#include "nibble/mma/load.cuh"
#include "nibble/mma/multiply_add.cuh"
#include "nibble/mma/sixteen_bit.cuh"

namespace nibble::mma {

/// Rows of 64 NVFP4 elements in shared memory: codes and scales where the target multiplies those,
/// code times scale in halves elsewhere (exact: six bits).
///
/// shape   Rows is a multiple of 16; 128 bytes a row on every target, aligned to 1024.
template <int Rows>
struct stage {
  static_assert(Rows % 16 == 0, "got rows that are no multiple of 16, the atom's own");
  // Pieces of 16 bytes: eight a row, permuted, or two a row and the scales behind all of them.
  alignas(1024) std::uint32_t pieces[Rows * 8][4];

  /// Writes half a row: 32 codes, from the low nibble of the first word up, and their two scales.
  __device__ __forceinline__ void put(int row, int half, uint4 const& codes,
                                      std::uint16_t two_scales) noexcept;
  /// The four scales of a row, where the target multiplies codes.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t scales(int row) const noexcept {
    return pieces[2 * Rows + row / 4][row % 4];
  }
};

/// Makes what every thread of the block has put into stages visible to all of them, and waits for
/// all: the barrier between putting and multiplying.
__device__ __forceinline__ void publish_stages() noexcept {
#if NIBBLE_HAS_WGMMA
  arch::ptx::fence_proxy_async();
#endif
  __syncthreads();
}

/// One warp's part of a product: 16 M rows by 8 N columns, N even.
///
/// rule    outside sm_120 and its kin the accumulators hold 2^-14 of the sums; value() undoes it.
/// bits    sums in FP32, in the tensor cores' own order: exact where they fit 24 bits, and outside
///         the promise of equal bytes elsewhere.
template <int M, int N>
struct warp_tile {
  static_assert(N % 2 == 0, "got an odd number of columns of atoms; they are loaded by twos");
  static constexpr int steps = 4;
  sum_fragment sums[M][N] = {};

  /// sums += A B for the rows from `row` of A and from `column` of B^T; calls between(step) for
  /// step = 0 .. 3 while products are under way: the place for work that does not depend on them.
  template <int RowsA, int RowsB, class Between>
  __device__ __forceinline__ void multiply_add([[maybe_unused]] stage<RowsA> const& a,
                                               [[maybe_unused]] int row,
                                               [[maybe_unused]] stage<RowsB> const& b,
                                               [[maybe_unused]] int column,
                                               [[maybe_unused]] Between&& between) noexcept;

  /// Value i of this lane's fragment of atom (m, n); sum_element says which element that is.
  [[nodiscard]] __device__ __forceinline__ float value(int m, int n, int i) const noexcept {
#if NIBBLE_HAS_MMA_BLOCK_SCALE
    return sums[m][n].values[i];
#else
    return arch::multiply(sums[m][n].values[i], undo_scaled<fp16> * undo_scaled<fp16>);
#endif
  }
};

#if NIBBLE_HAS_MMA_F16

namespace detail {

/// Where a piece of 16 bytes lies: permuted within its row, so that the eight rows of a matrix that
/// ldmatrix reads lie in different banks.
__device__ __forceinline__ int decoded_piece(int row, int piece) {
  return row * 8 + (piece ^ (row % 8));
}
__device__ __forceinline__ int coded_piece(int row, int half) {
  return row * 2 + (half ^ (row / 4 % 2));
}

}  // namespace detail

#endif  // NIBBLE_HAS_MMA_F16

// A host pass sees the bodies empty: it must not find instructions that only targets have.

template <int Rows>
__device__ __forceinline__ void stage<Rows>::put(
    [[maybe_unused]] int row, [[maybe_unused]] int half, [[maybe_unused]] uint4 const& codes,
    [[maybe_unused]] std::uint16_t two_scales) noexcept {
#if NIBBLE_HAS_MMA_BLOCK_SCALE
  *reinterpret_cast<uint4*>(pieces[detail::coded_piece(row, half)]) = codes;
  reinterpret_cast<std::uint16_t*>(pieces[2 * Rows])[2 * row + half] = two_scales;
#elif NIBBLE_HAS_MMA_F16
  std::uint32_t both[2];
  scale_pairs<fp16>(two_scales, both);
  std::uint32_t const words[4] = {codes.x, codes.y, codes.z, codes.w};
#pragma unroll
  for (int word = 0; word < 4; ++word) {
    std::uint32_t pairs[4];
    decode_scaled<fp16>(words[word], both[word / 2], pairs);
    *reinterpret_cast<uint4*>(this->pieces[detail::decoded_piece(row, 4 * half + word)]) =
        make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
  }
#endif
}

template <int M, int N>
template <int RowsA, int RowsB, class Between>
__device__ __forceinline__ void warp_tile<M, N>::multiply_add(
    [[maybe_unused]] stage<RowsA> const& a, [[maybe_unused]] int row,
    [[maybe_unused]] stage<RowsB> const& b, [[maybe_unused]] int column,
    [[maybe_unused]] Between&& between) noexcept {
#if NIBBLE_HAS_MMA_F16
  int const lane = static_cast<int>(threadIdx.x) % warp_size;
  int const row_a = lane % 16, piece_a = lane / 16;
  int const row_b = lane % 8 + lane / 16 * 8, piece_b = lane / 8 % 2;
#endif
#if NIBBLE_HAS_MMA_BLOCK_SCALE
  a_fragment left[M];
  for (int m = 0; m < M; ++m) {
    int const r = row + 16 * m;
    arch::ptx::ldmatrix_x4(left[m].words, a.pieces[detail::coded_piece(r + row_a, piece_a)]);
    left[m].scales = a.scales(r + scale_row(lane));
  }
  for (int n = 0; n < N; n += 2) {
    int const c = column + 8 * n;
    std::uint32_t words[4];
    arch::ptx::ldmatrix_x4(words, b.pieces[detail::coded_piece(c + row_b, piece_b)]);
    for (int i = 0; i < 2; ++i) {
      b_fragment const right{{words[2 * i], words[2 * i + 1]},
                             b.scales(c + 8 * i + scale_column(lane))};
      for (int m = 0; m < M; ++m) mma::multiply_add<nvfp4_block>(sums[m][n + i], left[m], right);
    }
  }
  for (int step = 0; step < steps; ++step) between(step);
#elif NIBBLE_HAS_MMA_F16
  // Fragments are loaded one turn ahead: two columns of B while the last two are multiplied, and the
  // next step's A spread over this step's turns.
  std::uint32_t left[2][M][4], right[2][4];
  auto const load_left = [&](int step, int m) {
    int const piece = detail::decoded_piece(row + 16 * m + row_a, 2 * step + piece_a);
    arch::ptx::ldmatrix_x4(left[step % 2][m], a.pieces[piece]);
  };
  auto const load_right = [&](int turn) {
    int const step = turn / (N / 2), n = turn % (N / 2);
    int const piece = detail::decoded_piece(column + 16 * n + row_b, 2 * step + piece_b);
    arch::ptx::ldmatrix_x4(right[turn % 2], b.pieces[piece]);
  };
#pragma unroll
  for (int m = 0; m < M; ++m) load_left(0, m);
  load_right(0);
#pragma unroll
  for (int step = 0; step < steps; ++step) {
#pragma unroll
    for (int n = 0; n < N / 2; ++n) {
      int const turn = step * (N / 2) + n;
      if (turn + 1 < steps * (N / 2)) load_right(turn + 1);
      if (step + 1 < steps) {
#pragma unroll
        for (int m = n; m < M; m += N / 2) load_left(step + 1, m);
      }
#pragma unroll
      for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int m = 0; m < M; ++m) {
          arch::ptx::mma_m16n8k16_f16(sums[m][2 * n + i].values, left[step % 2][m],
                                      right[turn % 2][2 * i], right[turn % 2][2 * i + 1]);
        }
      }
    }
    between(step);
  }
#endif
}

}  // namespace nibble::mma
