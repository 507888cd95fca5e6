// SPDX-License-Identifier: Apache-2.0
// One tile of a product of NVFP4 codes on tensor cores, decoded on the way where the target does not
// multiply codes: any number of rows and columns, K in multiples of 64.
#pragma once

#include "nibble/device/finish.cuh"
#include "nibble/layout/scale_tile_128x4.hpp"
#include "nibble/mma/block_tile.cuh"
#include "nibble/view.hpp"

namespace nibble::device::detail {

/// A stage of both operands: a block of threads has as many as mma::block_tile::stages, so that one is
/// filled while the others are multiplied.
struct staged_operands {
  mma::stage<mma::block_tile::rows> a;
  mma::stage<mma::block_tile::columns> b;
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
/// shape   a, b: scales in 128x4 tiles, one for every row of codes; rows of codes as wide as the next
///         multiple of 64 columns, where the scales of what is past the last column are 0, on 16-byte
///         boundaries. No column at all: the sums are 0.
/// bits    FP32 sums in the tensor cores' own order, then the epilogue's single operations.
template <class A, class B, class Out>
__device__ __forceinline__ void multiply_tile_fast(staged_operands* stages, A const& a, B const& b,
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
    if (part == 0) stages[buffer].a.put(staged, half, next[0].codes, next[0].scales);
    if (part == 1) stages[buffer].b.put(staged, half, next[1].codes, next[1].scales);
    if (part == 2) stages[buffer].b.put(128 + staged, half, next[2].codes, next[2].scales);
  };
  matrix_index const depth = nibble::detail::ceil_div<matrix_index>(a.columns(), depth_at_once) *
                             depth_at_once,
                     last = depth - depth_at_once;
  if (depth > 0) {
#pragma unroll
    for (int part = 0; part < 3; ++part) {
      next[part].fetch(0);
      put(0, part);
      next[part].fetch(depth_at_once < last ? depth_at_once : last);
    }
  }
  mma::publish_stages();
  mma::block_tile tile;
  int now = 0;
  for (matrix_index k = 0; k < depth; k += depth_at_once) {
    int const then = now + 1 < mma::block_tile::stages ? now + 1 : 0;
    // Past the end it stages the last operands again, into a buffer that nobody reads.
    matrix_index const after = k + 2 * depth_at_once < last ? k + 2 * depth_at_once : last;
    tile.multiply_add_ahead(stages[now].a, stages[now].b, [&](int step) {
      if (step == 3) return;
      put(then, step);
      next[step].fetch(after);
    });
    mma::publish_stages();
    now = then;
  }
  tile.settle();
  __syncthreads();
  // Nobody reads the stages any more: half of the sums at a time take their place.
  auto& sums = *reinterpret_cast<tile_sums<mma::block_tile::rows>*>(stages);
  static_assert(sizeof(sums) <= 2 * sizeof(staged_operands));
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    int const first = half * sums.columns;
#pragma unroll
    for (int f = 0; f < mma::block_tile::fragments; ++f) {
#pragma unroll
      for (int i = 0; i < 4; i += 2) {
        auto const at = tile.element(f, i);
        if (at.column / sums.columns == half) {
          sums.put(at.row, at.column - first, tile.value(f, i), tile.value(f, i + 1));
        }
      }
    }
    __syncthreads();
    sums.finish(out, row, column + first, alpha, e);
    __syncthreads();
  }
}

/// The shared memory of multiply_tile_fast on the current device: three stages where there is room.
[[nodiscard]] inline std::size_t fast_tile_bytes() noexcept {
  int device = 0, most = 0;
  bool const is_known =
      cudaGetDevice(&device) == cudaSuccess &&
      cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device) == cudaSuccess;
  bool const has_room = is_known && most >= static_cast<int>(3 * sizeof(staged_operands));
  return (has_room ? 3 : 2) * sizeof(staged_operands);
}

/// Launches a kernel whose blocks of 256 threads each make one of so many tiles, with `shared` bytes of
/// shared memory each.
template <class Kernel, class... Arguments>
[[nodiscard]] status launch_product_tiles(cudaStream_t stream, Kernel kernel, std::size_t shared,
                                          matrix_index tiles, Arguments const&... arguments) {
  if (tiles > INT32_MAX || cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                static_cast<int>(shared)) != cudaSuccess) {
    return status::launch_failed;
  }
  kernel<<<static_cast<unsigned>(tiles), threads_per_block, shared, stream>>>(arguments...);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace nibble::device::detail
