// SPDX-License-Identifier: Apache-2.0
// One tile of an exact product of NVFP4 codes on int8 tensor cores, split into digits on the way: any
// number of rows, columns and values of k, any layout, no memory but the block's own.
#pragma once

#include "nibble/device/digit_sums.cuh"
#include "nibble/device/finish.cuh"
#include "nibble/device/operands.cuh"

namespace nibble::device::detail {

/// Two stages of each operand, so that one is filled while the other is multiplied.
struct exact_stages {
  static constexpr int rows = digit_sums::rows, columns = digit_sums::columns;
  digit_stage<rows> a[2];
  digit_stage<columns> b[2];
  std::uint8_t is_nan[rows + columns];  // of a row of A, of a row of B
};

/// Where an operand's rows from `row` on lie in memory, the same for all threads.
struct digit_source {
  std::uint8_t const* codes;
  fp8_e4m3 const* scales;
  int scale_step;  // four blocks further, as far in both layouts of scales wherever a row begins

  template <class View>
  __device__ __forceinline__ digit_source(View const& from, matrix_index row)
      : codes(code_address(from, row, 0)),
        scales(from.scales.data_handle() + place(from, row, 0)),
        scale_step(static_cast<int>(place(from, row, 4) - place(from, row, 0))) {}
  template <class View>
  [[nodiscard]] static __device__ __forceinline__ matrix_index place(View const& from,
                                                                     matrix_index row,
                                                                     matrix_index block) {
    return from.scales.mapping()(row / from.rows_per_scale(), block);
  }
};

/// Every fourth block of one row, on its way from memory; zeros past the last row and the last block.
struct digits_in_flight {
  // From the source, in blocks and in scales: they are of no more than 128 rows of 2^27 columns.
  int code_offset, scale_offset;
  std::uint32_t codes[2], scale;
  bool is_inside, has_nan = false;

  template <class View>
  __device__ __forceinline__ void start(View const& from, matrix_index first_row, int row,
                                        int block) {
    is_inside = first_row + row < from.rows();
    matrix_index const r = is_inside ? first_row + row : first_row;
    code_offset =
        static_cast<int>((code_address(from, r, block) - code_address(from, first_row, 0)) / 8);
    scale_offset = static_cast<int>(digit_source::place(from, r, block) -
                                    digit_source::place(from, first_row, 0));
  }
  __device__ __forceinline__ void fetch(digit_source const& from, bool has_block) {
    codes[0] = codes[1] = scale = 0;
    if (is_inside && has_block) {
      std::uint8_t const* const place = from.codes + matrix_index{8} * code_offset;
      if (reinterpret_cast<std::uintptr_t>(from.codes) % 8 == 0) {
        uint2 const both = *reinterpret_cast<uint2 const*>(place);
        codes[0] = both.x, codes[1] = both.y;
      } else {
        words_of(load_codes<false, fp4_e2m1, 16>(place), codes);
      }
      scale = from.scales[scale_offset].bits();
    }
    code_offset += 4, scale_offset += from.scale_step;
  }
  template <int Rows>
  __device__ __forceinline__ void put(digit_stage<Rows>& stage, int row, int block) {
    std::uint32_t digits[digit_count][4];
    split_block(codes, scale_units(scale), digits);
    has_nan |= is_nan_scale(scale);
#pragma unroll
    for (int d = 0; d < digit_count; ++d) {
      *reinterpret_cast<uint4*>(stage.piece(d, block, row)) =
          make_uint4(digits[d][0], digits[d][1], digits[d][2], digits[d][3]);
    }
  }
};

/// The results from (row, column) on, by 256 threads, all of which call it, once.
///
/// shape   a, b: NVFP4, any layout, a scale for every row of codes or one for 16.
/// rule    K in chunks of 2^15 whose sums are added in int64.
/// bits    those of nibble::matmul<product::exact>.
template <class A, class B, class Out>
__device__ __forceinline__ void multiply_tile_exact(exact_stages& shared, A const& a, B const& b,
                                                    float alpha, Out const& out, epilogue const& e,
                                                    matrix_index row, matrix_index column) {
  constexpr int blocks_at_once = 4;
  constexpr matrix_index chunk = digit_chunk / 16;
  // What this thread stages of A, and of B twice: eight lanes take a block of eight rows.
  int const thread = static_cast<int>(threadIdx.x);
  int const block = thread / 8 % blocks_at_once, staged = thread / 32 * 8 + thread % 8;
  matrix_index const blocks = nibble::detail::ceil_div<matrix_index>(a.columns(), 16);

  digit_source const from_a(a, row), from_b(b, column);
  digits_in_flight next[3];
  next[0].start(a, row, staged, block);
  next[1].start(b, column, staged, block);
  next[2].start(b, column, 64 + staged, block);
  auto const fetch = [&](int part, matrix_index first) {
    next[part].fetch(part == 0 ? from_a : from_b, first + block < blocks);
  };
  auto const put = [&](int buffer, int part) {
    if (part == 0) next[0].put(shared.a[buffer], staged, block);
    if (part == 1) next[1].put(shared.b[buffer], staged, block);
    if (part == 2) next[2].put(shared.b[buffer], 64 + staged, block);
  };
  if (thread < exact_stages::rows + exact_stages::columns) shared.is_nan[thread] = 0;
#pragma unroll
  for (int part = 0; part < 3; ++part) {
    fetch(part, 0);
    put(0, part);
    fetch(part, blocks_at_once);
  }
  mma::publish_stages();

  std::int64_t carried[digit_sums::count] = {};
  digit_sums tile;
  for (matrix_index first = 0; first < blocks; first += blocks_at_once) {
    int const now = static_cast<int>(first / blocks_at_once % 2);
    tile.multiply_add(shared.a[now], shared.b[now], [&](int step) {
      // Digits first, so that those of all parts are made at once.
      if (step < 3) put(1 - now, step);
      for (int part = 0; part < 3 && step == 3; ++part) fetch(part, first + 2 * blocks_at_once);
    });
    mma::publish_stages();
    if ((first + blocks_at_once) % chunk == 0) {
#pragma unroll
      for (int n = 0; n < digit_sums::count; ++n) carried[n] += tile.units(n);
      tile = {};
    }
  }
#pragma unroll
  for (int part = 0; part < 3; ++part) {
    if (next[part].has_nan) shared.is_nan[64 * part + staged] = 1;
  }
  __syncthreads();
  // All have read the stages, whose place the sums take.
  auto& sums = reinterpret_cast<tile_sums<exact_stages::rows>&>(shared.a);
  static_assert(sizeof(sums) <= sizeof(shared.a) + sizeof(shared.b));
#pragma unroll
  for (int n = 0; n < digit_sums::count; n += 2) {
    auto const at = digit_sums::element(n);
    float two[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      bool const is_nan =
          shared.is_nan[at.row] != 0 || shared.is_nan[exact_stages::rows + at.column + i] != 0;
      two[i] = is_nan ? nibble::detail::float_from_bits(0x7FC0'0000u)
                      : rounded_units(carried[n + i] + tile.units(n + i));
    }
    sums.put(at.row, at.column, two[0], two[1]);
  }
  __syncthreads();
  sums.finish(out, row, column, alpha, e);
}

}  // namespace nibble::device::detail
