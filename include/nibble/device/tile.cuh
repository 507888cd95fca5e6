// SPDX-License-Identifier: Apache-2.0
// A tile of floats in shared memory, quantized along its rows or along its columns: the blocks that
// a kernel of whole CTAs is built from.
#pragma once

#include "nibble/device/group.cuh"

namespace nibble::device {

/// Rows x Columns floats in shared memory.
///
/// shape   4 * Rows * (Columns + 1) bytes, aligned to 4: a row is one float longer than it holds, so
///         that lanes one below the other meet different banks.
template <int Rows, int Columns>
struct shared_tile {
  static constexpr int rows = Rows, columns = Columns;

  float values[std::size_t{Rows}][std::size_t{Columns + 1}];

  [[nodiscard]] __device__ float& operator()(int r, int c) { return values[r][c]; }
  [[nodiscard]] __device__ float operator()(int r, int c) const { return values[r][c]; }
};

/// Do the codes of every block start on a boundary of 8 bytes?
template <class View>
[[nodiscard]] __device__ __forceinline__ bool has_aligned_codes(View const& view) {
  return reinterpret_cast<std::uintptr_t>(code_address(view, 0, 0)) % 8 == 0;
}

/// Reads the part of a matrix that starts at (row, column); zeros where it reaches beyond the edge.
///
/// shape   in: any strides. Every thread of the CTA must call it, with equal arguments; put a
///         __syncthreads() behind it.
template <int Rows, int Columns, class In>
__device__ void load_tile(In const& in, matrix_index row, matrix_index column,
                          shared_tile<Rows, Columns>& tile) {
  for (int i = static_cast<int>(threadIdx.x); i < Rows * Columns;
       i += static_cast<int>(blockDim.x)) {
    int const r = i / Columns, c = i % Columns;
    bool const is_inside = row + r < in.extent(0) && column + c < in.extent(1);
    tile(r, c) = is_inside ? static_cast<float>(in(row + r, column + c)) : 0.0f;
  }
}

/// Decodes the part of a quantized matrix that starts at (row, column), as dequantize does, a
/// transform undone; zeros where it reaches beyond the edge.
///
/// shape   column: a multiple of Quantizer::group.columns, of which Columns is one too. Every thread
///         of the CTA must call it, with equal arguments; put a __syncthreads() behind it.
template <int Rows, int Columns, class Block, class ScaleLayout, class Quantizer>
__device__ void decode_tile(quantized_view<Block, ScaleLayout> const& in, Quantizer const& q,
                            matrix_index row, matrix_index column,
                            shared_tile<Rows, Columns>& tile) {
  using plain = std::remove_const_t<Block>;
  constexpr int size = plain::size, wide = Quantizer::group.columns;
  static_assert(Columns % wide == 0, "got a tile that cuts blocks or transforms of the quantizer");
  auto const shared = Quantizer::prepare({Quantizer::has_one_amax ? in.amax(0, 0) : 0.0f});
  bool const is_wide = has_aligned_codes(in);
  // Neighbouring lanes take neighbouring blocks: whole sectors of codes, and no bank thrice.
  constexpr int across = Columns / wide;
  for (int i = static_cast<int>(threadIdx.x); i < Rows * across;
       i += static_cast<int>(blockDim.x)) {
    int const r = i / across, first = i % across * wide;
    float values[std::size_t{wide}];
    for (int b = 0; b < wide / size; ++b) {
      matrix_index const at = column + first + b * size;
      nibble::row<float, size> decoded{};
      if (row + r < in.rows() && at < in.columns()) {
        using element = typename plain::element_type;
        auto const* const from = code_address(in, row + r, at / size);
        plain const stored{is_wide ? load_codes<true, element, size>(from)
                                   : load_codes<false, element, size>(from),
                           in.scale(row + r, at / size)};
        auto const factors =
            Quantizer::has_one_amax ? shared : Quantizer::prepare({in.amax_of(row + r, at)});
        decoded = Quantizer::decode(stored, factors);
      }
      for (int c = 0; c < size; ++c) values[b * size + c] = decoded[c];
    }
    if constexpr (Quantizer::transform_type::size > 1) {
      for (int c = 0; c < wide; c += Quantizer::transform_type::size) q.invert_at(values + c);
    }
    for (int c = 0; c < wide; ++c) {
      bool const is_inside = row + r < in.rows() && column + first + c < in.columns();
      tile(r, first + c) = is_inside ? nibble::detail::canonical(values[c]) : 0.0f;
    }
  }
}

/// Writes the blocks of one group where they belong; what lies beyond the edge is dropped.
///
/// shape   result: of Quantizer; row and column: the group's first element in out; is_wide:
///         has_aligned_codes(out). One thread.
template <class Quantizer, class Out>
__device__ void store_group(typename Quantizer::result_type const& result, matrix_index row,
                            matrix_index column, Out const& out, bool is_wide) {
  using block_type = typename Quantizer::block_type;
  matrix_index const rows_per_scale = out.rows_per_scale();
  for (int r = 0; r < Quantizer::group.rows && row + r < out.rows(); ++r) {
    for (int b = 0; b < Quantizer::blocks_per_row; ++b) {
      matrix_index const block = column / block_type::size + b;
      if (block >= out.scales.extent(1)) break;
      block_type const& made = Quantizer::block_of(result, r, b);
      if (is_wide) {
        store_codes<true>(made.codes, code_address(out, row + r, block));
      } else {
        store_codes<false>(made.codes, code_address(out, row + r, block));
      }
      if (rows_per_scale == 1) {
        out.scales(row + r, block) = made.scale;
      } else if (r == 0) {
        out.scales(row / rows_per_scale, block) = made.scale;
      }
    }
  }
}

/// Calls body(r, c, values) for the groups of a tile, transformed: of its rows, or, if Turned, of
/// the rows of its transpose, to which r and c then belong.
///
/// shape   Rows and Columns are multiples of Quantizer::group, the right way round. Every thread of
///         the CTA must call it; each takes whole groups.
template <bool Turned, int Rows, int Columns, class Quantizer, class Body>
__device__ void for_each_group(shared_tile<Rows, Columns> const& tile, Quantizer const& q,
                               Body const& body) {
  constexpr int tall = Quantizer::group.rows, wide = Quantizer::group.columns;
  constexpr int down = (Turned ? Columns : Rows) / tall, across = (Turned ? Rows : Columns) / wide;
  static_assert((Turned ? Columns : Rows) % tall == 0 && (Turned ? Rows : Columns) % wide == 0,
                "got a tile that cuts groups of the quantizer");
  for (int i = static_cast<int>(threadIdx.x); i < down * across;
       i += static_cast<int>(blockDim.x)) {
    int const row = i / across * tall, column = i % across * wide;
    float values[std::size_t{tall}][std::size_t{wide}];
    for (int r = 0; r < tall; ++r) {
      for (int c = 0; c < wide; ++c) {
        values[r][c] = Turned ? tile(column + c, row + r) : tile(row + r, column + c);
      }
      q.transform_row(values[r]);
    }
    body(row, column, values);
  }
}

/// Quantizes a tile, or if Turned its transpose, into the part of `out` that starts at (row,
/// column).
///
/// shape   as for_each_group; row and column: multiples of the group; factors: prepare() of the
///         amax, not looked at where rows have amaxes of their own. Every thread of the CTA must
///         call it, behind a barrier.
/// bits    those of nibble::quantize_with_amax.
template <bool Turned, int Rows, int Columns, class Out, class Quantizer>
__device__ void encode_tile(shared_tile<Rows, Columns> const& tile, Out const& out,
                            Quantizer const& q, typename Quantizer::factors const& factors,
                            matrix_index row, matrix_index column) {
  bool const is_wide = has_aligned_codes(out);
  for_each_group<Turned>(tile, q, [&](int r, int c, auto const& values) {
    matrix_index const i = row + r, j = column + c;
    if (i >= out.rows() || j >= out.columns()) return;
    auto const f = Quantizer::has_one_amax ? factors : Quantizer::prepare({out.amax_of(i, j)});
    position const where{static_cast<std::uint64_t>(i * out.columns() + j),
                         static_cast<std::uint64_t>(out.columns())};
    store_group<Quantizer>(q.encode(values, f, where), i, j, out, is_wide);
  });
}

/// Raises a float in memory to a magnitude given by its bits; any number of threads may.
__device__ __forceinline__ void raise_amax(float& cell, std::uint32_t bits) {
  // Magnitudes order as their bits do. A look first: most calls raise nothing.
  auto* const as_bits = reinterpret_cast<unsigned int*>(&cell);
  if (*static_cast<unsigned int volatile*>(as_bits) < bits) atomicMax(as_bits, bits);
}

/// Takes a tile, or if Turned its transpose, into the amaxes of `out`.
///
/// shape   as encode_tile; all 32 lanes of a warp must come here together.
/// bits    those of nibble::find_amax: a maximum has no order.
template <bool Turned, int Rows, int Columns, class Out, class Quantizer>
__device__ void raise_tile_amax(shared_tile<Rows, Columns> const& tile, Out const& out,
                                Quantizer const& q, matrix_index row, matrix_index column) {
  using tensor_scale::granularity;
  std::uint32_t largest = 0;
  for_each_group<Turned>(tile, q, [&](int r, int c, auto const& values) {
    std::uint32_t const found = nibble::detail::float_bits(scaling::tile_amax(values));
    if constexpr (Quantizer::has_one_amax) {
      largest = found > largest ? found : largest;
    } else if (row + r < out.rows() && column + c < out.columns()) {
      constexpr bool is_whole_row = Quantizer::outer::shares == granularity::row;
      raise_amax(out.amax(row + r, is_whole_row ? 0 : (column + c) / 128), found);
    }
  });
  if constexpr (Quantizer::has_one_amax) {
    largest = __reduce_max_sync(0xFFFF'FFFFu, largest);
    if (threadIdx.x % 32 == 0 && largest != 0) raise_amax(out.amax(0, 0), largest);
  }
}

}  // namespace nibble::device
