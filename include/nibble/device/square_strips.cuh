// SPDX-License-Identifier: Apache-2.0
// The kernel for square tiles of 16x16 along rows, each tile's codes from the registers of four lanes.
#pragma once

#include <algorithm>

#include "nibble/device/square_codes.cuh"

namespace nibble::device::detail {

/// The encoder of tiles of T: with thresholds where their codes are made of pairs.
template <class T, class Quantizer>
using square_encoder = sixteen_encoder<Quantizer, finds_squares<T, Quantizer>()>;

/// Four rows' blocks of a tile, four rows apart, of a matrix whose rows are `pitch` apart.
template <class T>
struct square_values {
  static constexpr int chunks = static_cast<int>(sizeof(T));  // of 16 bytes

  uint4 chunk[4][std::size_t{chunks}];

  __device__ __forceinline__ square_values(T const* from, matrix_index pitch) {
    for (int r = 0; r < 4; ++r) {
      auto const* const row = reinterpret_cast<uint4 const*>(from + 4 * r * pitch);
      for (int c = 0; c < chunks; ++c) chunk[r][c] = row[c];
    }
  }

  /// The codes of the four rows, see encode_square, and the tile's scale.
  template <class Quantizer>
  [[nodiscard]] __device__ __forceinline__ typename Quantizer::scale_type encode(
      square_encoder<T, Quantizer> const& encoder, std::uint64_t position, std::uint64_t pitch,
      std::uint64_t (&codes)[4]) const {
    if constexpr (finds_squares<T, Quantizer>()) {
      std::uint32_t pairs[4][8];
      for (int r = 0; r < 4; ++r) {
        for (int c = 0; c < 2; ++c) {
          pairs[r][4 * c] = chunk[r][c].x;
          pairs[r][4 * c + 1] = chunk[r][c].y;
          pairs[r][4 * c + 2] = chunk[r][c].z;
          pairs[r][4 * c + 3] = chunk[r][c].w;
        }
      }
      return encode_square_of_pairs<Quantizer>(encoder, pairs, codes);
    } else {
      auto const values_of = [&](int r, float(&values)[16]) {
        for (int c = 0; c < chunks; ++c) widen<T>(chunk[r][c], values + c * 16 / chunks);
      };
      return encode_square(encoder, values_of, position, pitch, codes);
    }
  }
};

/// Sixteen rows of 512 columns a warp, 32 tiles: eight at a time, so that codes leave in 64 bytes of a row, and
/// then the scales of all in 32, whole sectors. Rows of whole tiles, 16-byte aligned. Two CTAs a
/// multiprocessor, whose warps load 8 KB at a time, are faster than more of them with less each.
template <class T, class Out, class Quantizer>
__global__ void __launch_bounds__(threads_per_block, 2)
    quantize_square_strips(T const* in, matrix_index pitch, Out out, Quantizer q) {
  using encoder_type = square_encoder<T, Quantizer>;
  using scale_type = typename Quantizer::scale_type;
  constexpr unsigned warps = threads_per_block / 32;
  constexpr int steps_at_once = 4 / static_cast<int>(sizeof(T));
  alignas(16) __shared__ float table[encoder_type::table_size];
  constexpr bool has_amax = Quantizer::outer::shares != tensor_scale::granularity::none;
  encoder_type const encoder(q, has_amax ? out.amax(0, 0) : 0.0f, table);
  fill_tables(encoder);
  __syncthreads();
  unsigned const lane = threadIdx.x % 32;
  matrix_index const across = out.scales.extent(1),
                     strips = nibble::detail::ceil_div<matrix_index>(across, 32),
                     count = strips * (out.rows() / 16), code_pitch = out.codes.stride(0) / 2;
  bool const is_replicated = out.rows_per_scale() == 1;
  for (matrix_index i = matrix_index{blockIdx.x} * warps + threadIdx.x / 32; i < count;
       i += matrix_index{gridDim.x} * warps) {
    auto const [down, strip] = split(i, strips);
    matrix_index const row = down * 16 + lane / 8;
    matrix_index block = strip * 32 + lane % 8;
    T const* from = in + row * pitch + block * 16;
    std::uint8_t* to = code_address(out, row, block);
    auto position = static_cast<std::uint64_t>(row * out.columns() + block * 16);
    std::uint32_t scales = 0;  // of every eighth tile
#pragma unroll steps_at_once
    for (int step = 0; step < 4 && block < across; ++step, block += 8, from += 8 * 16, to += 64) {
      square_values<T> const values(from, pitch);
      std::uint64_t codes[4];
      auto const scale = values.template encode<Quantizer>(
          encoder, position + static_cast<std::uint64_t>(step) * 8 * 16,
          static_cast<std::uint64_t>(out.columns()), codes);
      for (int r = 0; r < 4; ++r) {
        *reinterpret_cast<std::uint64_t*>(to + 4 * r * code_pitch) = codes[r];
      }
      scales |= std::uint32_t{scale.bits()} << 8 * step;
    }
    __syncwarp();
    auto const scale = scale_type::from_bits(static_cast<std::uint8_t>(
        __shfl_sync(0xFFFF'FFFFu, scales, static_cast<int>(lane % 8)) >> lane / 8 * 8));
    if (block = strip * 32 + lane; block < across) {
      for (int r = 0; r < (is_replicated ? 16 : 1); ++r) {
        out.scales(is_replicated ? down * 16 + r : down, block) = scale;
      }
    }
  }
}

/// Launches quantize_square_strips on a matrix of whole tiles with wide rows.
template <class In, class Out, class Quantizer>
void launch_square_strips(cudaStream_t stream, In const& in, Out const& out, Quantizer const& q) {
  using value_type = std::remove_cv_t<typename In::value_type>;
  constexpr matrix_index wave = matrix_index{132} * 2;
  matrix_index const strips = nibble::detail::ceil_div<matrix_index>(in.extent(1), 512),
                     needed = nibble::detail::ceil_div<matrix_index>(strips * (in.extent(0) / 16),
                                                                     threads_per_block / 32);
  // Two waves once tables are a small part of the work: 16384 x 16384 96.5 % of a copy for 95.8, 8192 x 8192 87 for 89.
  matrix_index const grid = std::min(needed, needed < 8 * wave ? wave : 2 * wave);
  quantize_square_strips<value_type, Out>
      <<<static_cast<unsigned>(grid), threads_per_block, 0, stream>>>(
          in.data_handle(), static_cast<matrix_index>(in.stride(0)), out, q);
}

}  // namespace nibble::device::detail
