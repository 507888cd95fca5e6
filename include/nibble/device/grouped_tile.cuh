// SPDX-License-Identifier: Apache-2.0
// One tile of a product of NVFP4 codes on tensor cores, decoded on the way where the target does not
// multiply codes: any number of rows and columns, K in multiples of 64.
#pragma once

#include "nibble/device/finish.cuh"
#include "nibble/layout/scale_tile_128x4.hpp"
#include "nibble/mma/block_tile.cuh"
#include "nibble/view.hpp"

namespace nibble::device::detail {

/// Two stages of each operand, so that one is filled while the other is multiplied.
struct staged_operands {
  mma::stage<mma::block_tile::rows> a[2];
  mma::stage<mma::block_tile::columns> b[2];
};

/// Half a row of a stage, on its way from memory.
struct half_row {
  std::uint8_t const* first_codes;
  fp8_e4m3 const* first_scales;
  uint4 codes;
  std::uint16_t scales;

  /// Rows past the last take the last one's place; nobody looks at what they make.
  template <class View>
  __device__ __forceinline__ void start(View const& from, matrix_index row, int half) {
    matrix_index const r = row < from.rows() ? row : from.rows() - 1;
    first_codes = code_address(from, r, 2 * half);
    first_scales = &from.scales(r, 2 * half);
  }
  /// From column k on: 64 columns are one tile of 512 scales.
  __device__ __forceinline__ void fetch(matrix_index k) {
    codes = *reinterpret_cast<uint4 const*>(first_codes + k / 2);
    scales = *reinterpret_cast<std::uint16_t const*>(first_scales + k * 8);
  }
};

/// The results from (row, column) on, by all threads of a block.
///
/// shape   a, b: scales in 128x4 tiles, one for every row of codes; columns a multiple of 64; codes
///         on 16-byte boundaries.
/// bits    FP32 sums in the tensor cores' own order, then the epilogue's single operations.
template <class A, class B, class Out>
__device__ __forceinline__ void multiply_tile_fast(staged_operands& shared, A const& a, B const& b,
                                                   float alpha, Out const& out, epilogue const& e,
                                                   matrix_index row, matrix_index column) {
  constexpr int depth_at_once = 64;
  int const thread = static_cast<int>(threadIdx.x);
  int const staged = thread / 2, half = thread % 2;  // of A, and of B twice
  half_row next[3];
  next[0].start(a, row + staged, half);
  next[1].start(b, column + staged, half);
  next[2].start(b, column + 128 + staged, half);
  auto const put = [&](int buffer, int part) {
    if (part == 0) shared.a[buffer].put(staged, half, next[0].codes, next[0].scales);
    if (part == 1) shared.b[buffer].put(staged, half, next[1].codes, next[1].scales);
    if (part == 2) shared.b[buffer].put(128 + staged, half, next[2].codes, next[2].scales);
  };
  matrix_index const depth = a.columns(), last = depth - depth_at_once;
#pragma unroll
  for (int part = 0; part < 3; ++part) {
    next[part].fetch(0);
    put(0, part);
    next[part].fetch(depth_at_once < last ? depth_at_once : last);
  }
  mma::publish_stages();
  mma::block_tile tile;
  for (matrix_index k = 0; k < depth; k += depth_at_once) {
    int const now = static_cast<int>(k / depth_at_once % 2);
    // Past the end it stages the last operands again, into the buffer that nobody reads.
    matrix_index const after = k + 2 * depth_at_once < last ? k + 2 * depth_at_once : last;
    tile.multiply_add(shared.a[now], shared.b[now], [&](int step) {
      if (step == 3) return;
      put(1 - now, step);
      next[step].fetch(after);
    });
    mma::publish_stages();
  }
  // Unrolled: sums that are indexed as a program runs would lie in memory, not in registers.
#pragma unroll
  for (int f = 0; f < mma::block_tile::fragments; ++f) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      auto const at = tile.element(f, i);
      matrix_index const r = row + at.row, c = column + at.column;
      if (r < out.extent(0) && c < out.extent(1)) {
        finish_element(out, r, c, tile.value(f, i), alpha, e);
      }
    }
  }
}

/// Launches a kernel whose blocks each make one tile: so many strips of rows, and all columns.
template <class Kernel, class... Arguments>
[[nodiscard]] status launch_tiles_fast(cudaStream_t stream, Kernel kernel, matrix_index strips,
                                       matrix_index columns, Arguments const&... arguments) {
  constexpr int shared = static_cast<int>(sizeof(staged_operands));
  if (cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared) !=
      cudaSuccess) {
    return status::launch_failed;
  }
  dim3 const grid(static_cast<unsigned>(strips),
                  static_cast<unsigned>(
                      nibble::detail::ceil_div<matrix_index>(columns, mma::block_tile::columns)));
  kernel<<<grid, mma::block_tile::threads, static_cast<std::size_t>(shared), stream>>>(
      arguments...);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace nibble::device::detail
