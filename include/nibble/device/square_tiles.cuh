// SPDX-License-Identifier: Apache-2.0
// Square tiles of 128x128 on the device: too large for one thread, made and turned by a block of
// threads each.
#pragma once

#include "nibble/correction/none.hpp"
#include "nibble/device/operands.cuh"

namespace nibble::device::detail {

/// Tiles of one-byte elements whose sides are whole warps, each warp at work on rows of its own.
template <class Block>
inline constexpr bool has_wide_tiles = Block::size % 32 == 0 &&
                                       Block::element_type::format.width() == 8;

/// Can a block of threads share a tile of this quantizer: are its largest magnitude and its rows all
/// that the codes follow from?
template <class Quantizer>
inline constexpr bool makes_wide_tiles = [] {
  using Block = typename Quantizer::block_type;
  if constexpr (Quantizer::scaling_type::shape == scaling::tile::square && has_wide_tiles<Block>) {
    return Quantizer::has_one_amax && Quantizer::transform_type::size == 1 &&
           std::is_same_v<decltype(Quantizer::correction), correction::none> &&
           scaling::needs_amax_only<typename Quantizer::scaling_type, Block>;
  }
  return false;
}();

/// One block of threads, one tile: a lane holds Block::size / 32 neighbours of every eighth row, so
/// that a warp reads and writes whole rows. Any shape, any strides.
template <class In, class Out, class Quantizer>
__global__ void __launch_bounds__(threads_per_block)
    quantize_wide_tiles(In in, Out out, Quantizer q) {
  using Block = typename Out::block_type;
  using element = typename Block::element_type;
  constexpr int size = Block::size, each = size / 32, warps = threads_per_block / 32;
  constexpr int rows = size / warps;
  __shared__ std::uint32_t largest_of[std::size_t{warps}];
  int const warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  auto const factors = Quantizer::prepare({out.amax(0, 0)});
  matrix_index const across = nibble::detail::ceil_div<matrix_index>(out.columns(), size);
  matrix_index const count = across * nibble::detail::ceil_div<matrix_index>(out.rows(), size);
  for (matrix_index tile = blockIdx.x; tile < count; tile += gridDim.x) {
    auto const [down, right] = split(tile, across);
    matrix_index const first = down * size + warp, column = right * size + lane * each;
    float values[std::size_t{rows}][std::size_t{each}];
    std::uint32_t largest = 0;
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < each; ++c) {
        matrix_index const i = first + r * warps, j = column + c;
        values[r][c] = i < in.extent(0) && j < in.extent(1) ? static_cast<float>(in(i, j)) : 0.0f;
      }
      std::uint32_t const found = scaling::row_amax_bits(values[r]);
      largest = found > largest ? found : largest;
    }
    largest = __reduce_max_sync(0xFFFF'FFFFu, largest);
    __syncthreads();  // the tile before has been read
    if (lane == 0) largest_of[warp] = largest;
    __syncthreads();
    for (std::uint32_t const other : largest_of) largest = other > largest ? other : largest;
    auto const chosen = Quantizer::scaling_type::template choose_for<Block>(
        nibble::detail::float_from_bits(largest), factors);
    for (int r = 0; r < rows; ++r) {
      matrix_index const row = first + r * warps;
      if (row >= out.rows()) break;
      float scaled[std::size_t{each}];
      for (int c = 0; c < each; ++c) scaled[c] = arch::multiply(values[r][c], chosen.encode);
      packed<element, each> const codes = q.rounding.template encode<element>(
          scaled, static_cast<std::uint64_t>(row * out.columns() + column));
      std::uint8_t* const to = code_address(out, row, right) + lane * each;
      for (int c = 0; c < each; ++c) to[c] = codes.bytes()[c];
      if (lane == 0 && (out.rows_per_scale() == 1 || row % size == 0)) {
        out.scales(out.rows_per_scale() == 1 ? row : down, right) = chosen.scale;
      }
    }
  }
}

/// One block of threads, one tile of bytes, turned in shared memory: rows of 132 bytes, 33 words, so
/// that the 32 bytes of a column that a warp reads lie in 32 banks.
template <class In, class Out>
__global__ void __launch_bounds__(threads_per_block) turn_wide_tiles(In in, Out out) {
  using Block = typename Out::block_type;
  constexpr int size = Block::size, warps = threads_per_block / 32;
  __shared__ std::uint8_t bytes[std::size_t{size}][std::size_t{size} + 4];
  int const warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  matrix_index const across = nibble::detail::ceil_div<matrix_index>(in.columns(), size);
  matrix_index const count = across * nibble::detail::ceil_div<matrix_index>(in.rows(), size);
  if (blockIdx.x == 0 && threadIdx.x == 0) out.amax(0, 0) = in.amax(0, 0);
  for (matrix_index tile = blockIdx.x; tile < count; tile += gridDim.x) {
    auto const [down, right] = split(tile, across);
    auto const scale = in.scale(down * size, right);
    for (int r = warp; r < size; r += warps) {
      matrix_index const row = down * size + r;
      std::uint8_t const* const from = row < in.rows() ? code_address(in, row, right) : nullptr;
      for (int c = lane; c < size; c += 32) bytes[r][c] = from != nullptr ? from[c] : 0;
    }
    __syncthreads();
    for (int c = warp; c < size; c += warps) {
      matrix_index const row = right * size + c;
      if (row >= out.rows()) break;
      std::uint8_t* const to = code_address(out, row, down);
      for (int r = lane; r < size; r += 32) to[r] = bytes[r][c];
      if (lane == 0) out.scales(row, down) = scale;
    }
    __syncthreads();
  }
}

}  // namespace nibble::device::detail
