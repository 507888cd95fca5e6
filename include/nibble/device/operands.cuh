// SPDX-License-Identifier: Apache-2.0
// Operands as matrix units without 4-bit numbers take them: codes decoded to bf16, tensor scales
// left to alpha.
#pragma once

#include "nibble/adaptive_block.hpp"
#include "nibble/bf16.hpp"
#include "nibble/device/group.cuh"
#include "nibble/device/status.cuh"

namespace nibble::device {

namespace detail {

/// N codes of block `block` of row `row`, those from number `first` of the block on.
template <int N, class View>
[[nodiscard]] __device__ __forceinline__ auto codes_at(View const& in, matrix_index row,
                                                       matrix_index block, int first) {
  using element = typename View::block_type::element_type;
  auto const place = in.codes.accessor().offset(
      in.codes.data_handle(),
      static_cast<std::size_t>(row * in.codes.stride(0) + block * View::block_type::size + first));
  std::uint8_t const* const from = place.bytes + place.first * element::format.width() / 8;
  bool const is_whole_word = reinterpret_cast<std::uintptr_t>(from) % 8 == 0;
  return is_whole_word ? load_codes<true, element, N>(from) : load_codes<false, element, N>(from);
}

/// What code i of a block is worth, scale aside; see nibble::value_of.
template <class Block, class Codes>
[[nodiscard]] __device__ __forceinline__ float value_in(Codes const& codes, int i,
                                                        [[maybe_unused]]
                                                        typename Block::scale_type scale) {
  if constexpr (is_adaptive<Block>) {
    return Block::table::value(codes[i].bits(), scale.tag());
  } else {
    return static_cast<float>(codes[i]);
  }
}

/// Is code times scale a bf16, whatever they are? True for e2m1 (2 significant bits) under E4M3 or
/// UE5M3 (4 bits) and under powers of two; tensor scales are left out.
template <class Quantizer>
inline constexpr bool decodes_exactly =
    Quantizer::has_one_amax&& Quantizer::element_type::format.width() == 4 &&
    sizeof(typename Quantizer::scale_type) == 1;

/// What multiplies the codes of a block: its scale, and where rows have amaxes of their own the
/// tensor scale too.
template <class Quantizer, class View>
[[nodiscard]] __device__ __forceinline__ float operand_scale(View const& in, matrix_index row,
                                                             matrix_index block) {
  if constexpr (Quantizer::has_one_amax) {
    return static_cast<float>(in.scale(row, block));
  } else {
    constexpr matrix_index size = View::block_type::size;
    return Quantizer::multiplier(in.scale(row, block),
                                 Quantizer::prepare({in.amax_of(row, block * size)}));
  }
}

[[nodiscard]] __device__ __forceinline__ std::uint32_t two_bf16(float low, float high) {
  return static_cast<std::uint32_t>(bf16(low).bits()) |
         static_cast<std::uint32_t>(bf16(high).bits()) << 16;
}

/// Decodes an operand, 16 values a thread.
///
/// shape   to: in.rows() rows of whole blocks, `pitch` values apart, a multiple of 16.
template <class Quantizer, class View>
__global__ void __launch_bounds__(threads_per_block)
    decode_blocks(View in, bf16* to, matrix_index pitch) {
  using Block = typename View::block_type;
  constexpr matrix_index size = Block::size;
  static_assert(size % 16 == 0, "got blocks that are no multiple of 16 elements");
  matrix_index const across = nibble::detail::ceil_div(in.columns(), size) * (size / 16);
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  for (matrix_index g = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
       g < across * in.rows(); g += step) {
    auto const [row, part] = split(g, across);
    matrix_index const block = part / (size / 16);
    float const scale = operand_scale<Quantizer>(in, row, block);
    auto const stored = in.scale(row, block);
    auto const codes = codes_at<16>(in, row, block, static_cast<int>(part % (size / 16)) * 16);
    std::uint32_t words[8];
    for (int i = 0; i < 8; ++i) {
      float const low = arch::multiply(value_in<Block>(codes, 2 * i, stored), scale);
      float const high = arch::multiply(value_in<Block>(codes, 2 * i + 1, stored), scale);
      if constexpr (decodes_exactly<Quantizer>) {
        words[i] = nibble::detail::float_bits(low) >> 16 |
                   (nibble::detail::float_bits(high) & 0xFFFF'0000u);
      } else {
        words[i] = two_bf16(low, high);
      }
    }
    auto* const vectors = reinterpret_cast<uint4*>(to + row * pitch + part * 16);
    vectors[0] = uint4{words[0], words[1], words[2], words[3]};
    vectors[1] = uint4{words[4], words[5], words[6], words[7]};
  }
}

/// Rounds a matrix of any strides to bf16 rows `pitch` values apart, zeros behind the last column.
///
/// rule    tiles of 32 x 32 pass through shared memory, so that both sides touch whole lines even
///         where one of them is turned.
template <class In>
__global__ void __launch_bounds__(threads_per_block)
    round_tiles(In in, bf16* to, matrix_index pitch, bool is_turned) {
  constexpr int side = 32, rows_at_once = threads_per_block / side;
  __shared__ bf16 tile[side][side + 2];
  int const fast = static_cast<int>(threadIdx.x) % side,
            slow = static_cast<int>(threadIdx.x) / side;
  matrix_index const across = nibble::detail::ceil_div<matrix_index>(pitch, side);
  matrix_index const count = across * nibble::detail::ceil_div<matrix_index>(in.extent(0), side);
  for (matrix_index t = blockIdx.x; t < count; t += gridDim.x) {
    matrix_index const row = t / across * side, column = t % across * side;
    for (int s = slow; s < side; s += rows_at_once) {
      int const r = is_turned ? fast : s, c = is_turned ? s : fast;
      bool const is_inside = row + r < in.extent(0) && column + c < in.extent(1);
      tile[r][c] = bf16(is_inside ? static_cast<float>(in(row + r, column + c)) : 0.0f);
    }
    __syncthreads();
    for (int s = slow; s < side; s += rows_at_once) {
      if (row + s < in.extent(0) && column + fast < pitch) {
        to[(row + s) * pitch + column + fast] = tile[s][fast];
      }
    }
    __syncthreads();
  }
}

}  // namespace detail

/// Decodes a quantized matrix to the bf16 operand of a product: code times block scale, no tensor
/// scale, transforms not undone.
///
/// shape   to: rows x pitch values on a 16-byte boundary, pitch a multiple of 16 and at least
///         whole blocks of columns.
/// rule    exact for e2m1 under E4M3, UE5M3 and power-of-two scales with at most one amax for the
///         matrix; otherwise (FP8 under FP32 scales, amaxes a row, which are multiplied in) rounded
///         to nearest.
/// errors  shape_mismatch. Allocates nothing, can be captured in a graph.
/// bits    identical on every GPU.
template <class Quantizer, class Block, class ScaleLayout>
status decode_operand(cudaStream_t stream, quantized_view<Block, ScaleLayout> const& in, bf16* to,
                      matrix_index pitch) {
  using view = quantized_view<Block, ScaleLayout>;
  constexpr matrix_index size = view::block_type::size;
  matrix_index const wide = nibble::detail::ceil_div(in.columns(), size) * size;
  if (pitch % 16 != 0 || pitch < wide || !is_aligned(to, 16)) return status::shape_mismatch;
  if (in.rows() == 0 || wide == 0) return status::success;
  detail::decode_blocks<Quantizer, view>
      <<<detail::grid_for(in.rows() * wide / 16), detail::threads_per_block, 0, stream>>>(in, to,
                                                                                          pitch);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

/// Rounds a matrix to the bf16 operand of a product that stays in high precision.
///
/// shape   in: any strides. to: in.extent(0) x pitch, pitch at least in.extent(1).
/// bits    identical on every GPU.
template <class In>
status round_operand(cudaStream_t stream, In const& in, bf16* to, matrix_index pitch) {
  if (pitch < in.extent(1)) return status::shape_mismatch;
  if (in.extent(0) == 0 || pitch == 0) return status::success;
  matrix_index const tiles = nibble::detail::ceil_div<matrix_index>(in.extent(0), 32) *
                             nibble::detail::ceil_div<matrix_index>(pitch, 32);
  detail::round_tiles<In>
      <<<detail::grid_for(tiles * detail::threads_per_block), detail::threads_per_block, 0,
         stream>>>(in, to, pitch, in.stride(1) > in.stride(0));
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace nibble::device
