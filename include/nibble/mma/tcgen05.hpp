// SPDX-License-Identifier: Apache-2.0
// What tcgen05, the product of sm_100 to sm_110, is told by numbers: descriptors of the instruction,
// of tiles in shared memory and of scales, as constants that a host can check. None has run on a GPU.
#pragma once

#include "nibble/detail/std.hpp"

namespace nibble::mma::tcgen05 {

/// What one instruction multiplies: M x 64 codes by 64 x N, both with k running fastest.
struct product_shape {
  int m;  // 128; or 256, of two blocks of threads
  int n;  // a multiple of 8 up to 256; of 16 where m is 256
  [[nodiscard]] NIBBLE_HD constexpr bool is_possible() const noexcept {
    return (m == 128 && n >= 8 && n <= 256 && n % 8 == 0) ||
           (m == 256 && n >= 16 && n <= 256 && n % 16 == 0);
  }
};

/// The instruction descriptor of kinds mxf4nvf4 and mxf4, for e2m1 by e2m1 and sums in FP32.
///
/// shape   has_e8m0_scales: e8m0 for 32 elements each (block32), else e4m3 for 16 (block16).
///         scale_a, scale_b: where in a word of scales the instruction's begin: 0, or with block32,
///         where two steps share a word, 0 or 2.
/// rule    bits 5:4 scale_b; 9:7 and 11:10 the types of A and B, e2m1 = 1; 22:17 N / 8; 23 e8m0;
///         28:27 M / 128; 30:29 scale_a; the rest 0: dense, not negated, not transposed, K = 64.
/// errors  0, which no instruction takes, for a shape or a place that there is not.
/// source  PTX ISA 9.0, "Instruction descriptor" for .kind::mxf4nvf4.
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t instruction_descriptor(product_shape shape,
                                                                       bool has_e8m0_scales = false,
                                                                       int scale_a = 0,
                                                                       int scale_b = 0) noexcept {
  auto const is_place = [&](int i) { return i == 0 || (has_e8m0_scales && i == 2); };
  if (!shape.is_possible() || !is_place(scale_a) || !is_place(scale_b)) return 0;
  constexpr std::uint32_t e2m1 = 1;
  return static_cast<std::uint32_t>(scale_b) << 4 | e2m1 << 7 | e2m1 << 10 |
         static_cast<std::uint32_t>(shape.n / 8) << 17 | (has_e8m0_scales ? 1u : 0u) << 23 |
         static_cast<std::uint32_t>(shape.m / 128) << 27 |
         static_cast<std::uint32_t>(scale_a) << 29;
}

/// How the 16-byte pieces of rows in shared memory are permuted.
enum class swizzle : std::uint8_t { none = 0, bytes_128 = 2, bytes_64 = 4, bytes_32 = 6 };

/// The descriptor of a matrix in shared memory whose rows run along k.
///
/// shape   address: of its first byte in shared memory, on a 16-byte boundary (1024 for bytes_128).
///         stride: bytes from eight rows to the next eight, a multiple of 16 below 2^18.
/// rule    bits 13:0 address / 16; 29:16 the leading offset, 1 where it does not count; 45:32
///         stride / 16; 48:46 = 1; 63:61 the swizzle. 64 codes further in k: 32 bytes, 2 more.
/// source  PTX ISA 9.0, "Shared memory descriptor" of tcgen05.
[[nodiscard]] NIBBLE_HD constexpr std::uint64_t shared_descriptor(std::uint32_t address,
                                                                  std::uint32_t stride,
                                                                  swizzle how) noexcept {
  return (std::uint64_t{address} >> 4 & 0x3FFFu) | std::uint64_t{how != swizzle::none} << 16 |
         (std::uint64_t{stride} >> 4 & 0x3FFFu) << 32 | std::uint64_t{1} << 46 |
         std::uint64_t{static_cast<std::uint8_t>(how)} << 61;
}

/// A tile of codes: rows of 256 (128 bytes) under the 128-byte swizzle; four instructions' worth of k.
struct code_tile {
  static constexpr int row_codes = 256, row_bytes = 128, steps = 4;
  static constexpr std::uint32_t stride = 8 * row_bytes;

  /// Where byte `byte` of row `row` lies in the tile.
  /// rule    the piece of 16 bytes is taken to the place piece ^ row % 8.
  [[nodiscard]] NIBBLE_HD static constexpr int offset(int row, int byte) noexcept {
    return row * row_bytes + (byte / 16 ^ row % 8) * 16 + byte % 16;
  }
  /// The descriptor of instruction `step`'s 64 codes of each row.
  [[nodiscard]] NIBBLE_HD static constexpr std::uint64_t descriptor(std::uint32_t address,
                                                                    int step = 0) noexcept {
    return shared_descriptor(address, stride, swizzle::bytes_128) +
           static_cast<std::uint64_t>(2 * step);
  }
};

/// A tile of scales: 128 rows of four, 512 bytes, as layout::scale_tile_128x4 keeps them. One copy
/// (32x128b.warpx4) takes it to four columns of tensor memory, the same in each 32 lanes.
struct scale_tile {
  static constexpr int rows = 128, row_scales = 4, bytes = 512, columns = 4;

  [[nodiscard]] NIBBLE_HD static constexpr std::uint64_t descriptor(
      std::uint32_t address) noexcept {
    return shared_descriptor(address, 8 * 16, swizzle::none);
  }
  /// Where the copy takes byte `offset` of the tile: lane (and lane + 32, 64, 96), column and byte.
  struct place {
    int lane, column, byte;
  };
  [[nodiscard]] NIBBLE_HD static constexpr place place_of(int offset) noexcept {
    return {offset / 16, offset % 16 / 4, offset % 4};
  }
  /// Where the instruction looks for the scale of row `row` and block `block` of its four.
  [[nodiscard]] NIBBLE_HD static constexpr place place_of_scale(int row, int block) noexcept {
    return {row % 32, row % rows / 32, block};
  }
};

/// An address in tensor memory.
[[nodiscard]] NIBBLE_HD constexpr std::uint32_t tensor_address(std::uint32_t base, int lane,
                                                               int column) noexcept {
  return base + (static_cast<std::uint32_t>(lane) << 16) + static_cast<std::uint32_t>(column);
}

/// Columns of tensor memory that the scales of `rows` rows take for one instruction.
[[nodiscard]] NIBBLE_HD constexpr int scale_columns(int rows) noexcept {
  return (rows + scale_tile::rows - 1) / scale_tile::rows * scale_tile::columns;
}

}  // namespace nibble::mma::tcgen05
