// SPDX-License-Identifier: Apache-2.0
// Fragments of the atom out of quantized matrices in memory, and out of tiles in shared memory.
#pragma once

#include "nibble/arch/ptx.cuh"
#include "nibble/mma/bytes.hpp"
#include "nibble/mma/fragment.hpp"
#include "nibble/view.hpp"

namespace nibble::mma {

/// The four scales from block `first` on in a row: one load where they lie together, as they do in
/// tiles of 128x4; zeros beyond the matrix.
template <class View>
[[nodiscard]] __device__ __forceinline__ std::uint32_t load_scales(View const& from,
                                                                   matrix_index row,
                                                                   matrix_index first) {
  auto const& mapping = from.scales.mapping();
  auto const* const data = reinterpret_cast<std::uint8_t const*>(from.scales.data_handle());
  matrix_index const count = from.scales.extent(1) - first;
  if (row >= from.rows() || count <= 0) return 0;
  matrix_index const kept = row / from.rows_per_scale();
  std::uint8_t const* const start = data + mapping(kept, first);
  bool const is_word = count >= 4 && mapping(kept, first + 3) - mapping(kept, first) == 3 &&
                       reinterpret_cast<std::uintptr_t>(start) % 4 == 0;
  if (is_word) return *reinterpret_cast<std::uint32_t const*>(start);
  std::uint32_t word = 0;
  for (int i = 0; i < 4 && i < count; ++i) {
    word |= std::uint32_t{data[mapping(kept, first + i)]} << (8 * i);
  }
  return word;
}

/// A word of elements from column `column` on, a multiple of as many: eight codes of 4 bits or, with
/// Bits = 8, four elements in bytes (bytes.hpp); zeros beyond the matrix's blocks.
template <int Bits = 4, class View>
[[nodiscard]] __device__ __forceinline__ std::uint32_t load_codes(View const& from,
                                                                  matrix_index row,
                                                                  matrix_index column) {
  using element = typename View::block_type::element_type;
  constexpr matrix_index size = View::block_type::size, width = element::format.width();
  static_assert(Bits == 8 || (Bits == 4 && width == 4), "got elements that Bits bits do not hold");
  constexpr matrix_index bytes = 32 / Bits * width / 8;
  matrix_index const end = nibble::detail::ceil_div(from.columns(), size) * size;
  if (row >= from.rows() || column >= end) return 0;
  auto const handle = from.codes.data_handle();
  std::uint8_t const* const start =
      handle.bytes + (handle.first + row * from.codes.stride(0) + column) * width / 8;
  std::uint32_t packed = 0;
  if (bytes == 4 && reinterpret_cast<std::uintptr_t>(start) % 4 == 0) {
    packed = *reinterpret_cast<std::uint32_t const*>(start);
  } else {
    for (int i = 0; i < bytes; ++i) packed |= std::uint32_t{start[i]} << (8 * i);
  }
  if constexpr (Bits == 4) return packed;
  return byte_of<element>::spread(packed);
}

/// This lane's share of the 16 rows from `row` and the 64 columns from `column`, or 32 columns of
/// elements in bytes; `column` is a multiple of as many.
///
/// shape   view: a quantized_view of nvfp4_block or mxfp4_block, or with Bits = 8 of any block of MX;
///         any scale layout; rows and columns beyond it count as zeros. Byte i of the words of scales,
///         in every lane that a selector may name, is the scale of the i-th block from `column` on.
template <int Bits = 4, class View>
[[nodiscard]] __device__ __forceinline__ a_fragment load_a(View const& from, matrix_index row,
                                                           matrix_index column) {
  int const lane = static_cast<int>(threadIdx.x) % warp_size;
  a_fragment result;
  for (int word = 0; word < 4; ++word) {
    operand_index const at = fragments<Bits>::a({lane, word, 0});
    result.words[word] = load_codes<Bits>(from, row + at.outer, column + at.k);
  }
  result.scales =
      load_scales(from, row + scale_row(lane), column / matrix_index{View::block_type::size});
  return result;
}

/// This lane's share of B, given as B^T: the 8 rows from `row` of a matrix with blocks along k.
template <int Bits = 4, class View>
[[nodiscard]] __device__ __forceinline__ b_fragment load_b(View const& from, matrix_index row,
                                                           matrix_index column) {
  int const lane = static_cast<int>(threadIdx.x) % warp_size;
  b_fragment result;
  for (int word = 0; word < 2; ++word) {
    operand_index const at = fragments<Bits>::b({lane, word, 0});
    result.words[word] = load_codes<Bits>(from, row + at.outer, column + at.k);
  }
  result.scales =
      load_scales(from, row + scale_column(lane), column / matrix_index{View::block_type::size});
  return result;
}

#if NIBBLE_HAS_MMA_F16

/// The words of A from a tile in shared memory: 16 rows of 32 bytes, `pitch` bytes apart, on
/// 16-byte boundaries. Rows 48 bytes apart keep the banks free of conflicts. Elements in bytes
/// (m16n8k32) lie the same way: a row of 32 bytes is 32 of them.
__device__ __forceinline__ void load_a_words(a_fragment& to, std::uint8_t const* tile, int pitch) {
  int const lane = static_cast<int>(threadIdx.x) % warp_size;
  arch::ptx::ldmatrix_x4(to.words, tile + lane % 16 * pitch + lane / 16 * 16);
}

/// The words of two neighbouring B from 16 rows of B^T in shared memory.
__device__ __forceinline__ void load_b_words(b_fragment& first, b_fragment& second,
                                             std::uint8_t const* tile, int pitch) {
  int const lane = static_cast<int>(threadIdx.x) % warp_size;
  std::uint32_t words[4];
  arch::ptx::ldmatrix_x4(words, tile + (lane % 8 + lane / 16 * 8) * pitch + lane / 8 % 2 * 16);
  for (int i = 0; i < 2; ++i) {
    first.words[i] = words[i];
    second.words[i] = words[2 + i];
  }
}

#endif  // NIBBLE_HAS_MMA_F16

}  // namespace nibble::mma
