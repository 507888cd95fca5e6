// SPDX-License-Identifier: Apache-2.0
// Where the codes of a tile go, or what they are worth: what is the same for all tiles is found before the launch.
#pragma once

#include "nibble/device/tile128.cuh"
#include "nibble/mma/decode.hpp"

namespace nibble::device::detail {

/// An output of what codes are worth to a product: code times block scale as bf16, tensor scale and
/// transform left out. Neither codes nor scales are written.
struct decoded_output {
  bf16* values;  // rows of pitch, on 16-byte boundaries
  matrix_index pitch, row_count, column_count;
  float const* tensor_amax;

  [[nodiscard]] NIBBLE_HD float amax(int, int) const { return *tensor_amax; }
};

template <class Out>
inline constexpr bool is_decoded = std::is_same_v<Out, decoded_output>;

/// Where an output of codes, or of what they are worth, begins; found before the launch.
template <bool Decoded>
struct code_target {
  static constexpr int block_bytes = Decoded ? 32 : 8;

  std::uint8_t* first;    // the first block
  matrix_index pitch;     // bytes from one row to the next
  std::uint64_t columns;  // elements in a row

  [[nodiscard]] __device__ __forceinline__ std::uint8_t* at(matrix_index row,
                                                            matrix_index block) const {
    return first + row * pitch + block_bytes * block;
  }
};
template <class Out>
[[nodiscard]] code_target<is_decoded<Out>> code_target_of(Out const& out) noexcept {
  if constexpr (is_decoded<Out>) {
    return {reinterpret_cast<std::uint8_t*>(out.values), out.pitch * 2,
            static_cast<std::uint64_t>(out.column_count)};
  } else {
    auto const handle = out.codes.data_handle();
    return {handle.bytes + handle.first / 2, out.codes.stride(0) / 2,
            static_cast<std::uint64_t>(out.columns())};
  }
}

/// Where a tile lies in an output: what a thread needs to place its blocks, in few instructions.
template <bool Decoded>
struct tile_place {
  std::uint8_t* first;     // the tile's first block
  matrix_index pitch;      // bytes from one row to the next
  std::uint64_t position;  // of the tile's first element
  std::uint64_t columns;   // elements in a row
  int rows, blocks;        // inside the matrix

  /// Of the tile that begins at a row and a block, of which so many rows and blocks are inside.
  __device__ __forceinline__ tile_place(code_target<Decoded> const& target, matrix_index row,
                                        matrix_index block, int rows_inside, int blocks_inside)
      : first(target.at(row, block)),
        pitch(target.pitch),
        position(static_cast<std::uint64_t>(row) * target.columns +
                 static_cast<std::uint64_t>(16 * block)),
        columns(target.columns),
        rows(rows_inside),
        blocks(blocks_inside) {}
};

/// One of a thread's blocks in a tile: where it is, where its values lie in shared memory, where it is written, the
/// position of its first element, and what its square tile found, if there are such.
template <bool Decoded>
struct block_place {
  int row, block, values, square;
  float largest;
  std::uint8_t* to;
  std::uint64_t position;

  __device__ __forceinline__ block_place(tile_place<Decoded> const& place, int r, int b,
                                         int values_at, std::uint8_t* written_to)
      : row(r),
        block(b),
        values(values_at),
        square(0),
        largest(0),
        to(written_to),
        position(place.position + static_cast<unsigned>(r) * place.columns +
                 static_cast<unsigned>(16 * b)) {}

  /// As many rows further down.
  __device__ __forceinline__ void move(tile_place<Decoded> const& place, int rows) {
    row += rows;
    to += rows * place.pitch;
    position += static_cast<std::uint64_t>(rows) * place.columns;
  }
};

/// Writes a block's codes.
template <class Scale>
__device__ __forceinline__ void store_block(block_place<false> const& at, std::uint64_t codes,
                                            Scale const&) {
  *reinterpret_cast<std::uint64_t*>(at.to) = codes;
}
/// Code times scale, exactly: codes are 2^-126 of their value once decoded, so the scale takes 2^100
/// of that back, which no one-byte scale makes overflow, and a second product the rest.
template <class Scale>
__device__ __forceinline__ void store_block([[maybe_unused]] block_place<true> const& at,
                                            [[maybe_unused]] std::uint64_t codes,
                                            [[maybe_unused]] Scale const& scale) {
#if NIBBLE_HAS_MMA_F16
  float const raised = arch::multiply(static_cast<float>(scale), 0x1p100f);
  std::uint32_t const factor = arch::ptx::cvt_rn_bf16x2_f32(raised, raised);
  auto* const to = reinterpret_cast<uint4*>(at.to);
  for (int half = 0; half < 2; ++half) {
    std::uint32_t pairs[4];
    mma::decode_e2m1<format::bf16>(static_cast<std::uint32_t>(codes >> (32 * half)), pairs);
    for (auto& pair : pairs) {
      pair = arch::ptx::mul_rn_bf16x2(arch::ptx::mul_rn_bf16x2(pair, factor), 0x4C80'4C80u);
    }
    to[half] =
        uint4{__byte_perm(pairs[0], pairs[1], 0x5410), __byte_perm(pairs[2], pairs[3], 0x5410),
              __byte_perm(pairs[0], pairs[1], 0x7632), __byte_perm(pairs[2], pairs[3], 0x7632)};
  }
#endif
}

}  // namespace nibble::device::detail
