// SPDX-License-Identifier: Apache-2.0
// Products of many groups in one launch: which tile of which group's result a block of threads makes,
// and the kernels that make it.
#pragma once

#include <cuda/std/span>

#include "nibble/device/exact_tile.cuh"
#include "nibble/device/grouped_columns.cuh"
#include "nibble/device/grouped_tile.cuh"
#include "nibble/device/ordered.cuh"
#include "nibble/matmul.hpp"

namespace nibble::device::detail {

/// One group's operands and result, and where a tile of it begins.
template <class A, class B, class Out>
struct group_tile {
  A a;
  B b;
  Out out;
  matrix_index row, column;
  bool is_used;  // false for padding
};

/// Rows `first` to `last` of a result.
template <class Out>
[[nodiscard]] __device__ Out rows_of(Out const& all, matrix_index first, matrix_index last) {
  return Out(all.data_handle() + first * all.stride(0),
             {matrix_extents(last - first, all.extent(1)),
              ::cuda::std::array<matrix_index, 2>{all.stride(0), all.stride(1)}});
}

/// Groups of rows of A, each times a matrix of its own: tiles are strips of `tall` rows, padded to
/// whole strips in each group, of `wide` columns.
template <class A, class B, class Offset, class Out>
struct groups_of_rows {
  A a;
  Offset const* offsets;
  B b;
  Out out;

  [[nodiscard]] NIBBLE_HD matrix_index strips(matrix_index tall) const {
    return padded_start(a.rows(), a.groups(), tall) / tall;
  }
  [[nodiscard]] NIBBLE_HD matrix_index tiles(matrix_index tall, matrix_index wide) const {
    return strips(tall) * nibble::detail::ceil_div(out.extent(1), wide);
  }
  /// All threads of a block call it, with equal arguments. 16 strips come one after the other with the
  /// same columns, which share an expert's matrix, then the same 16 with the next.
  [[nodiscard]] __device__ auto tile(matrix_index number, matrix_index tall,
                                     matrix_index wide) const {
    constexpr matrix_index most = 16;
    matrix_index const all_across = nibble::detail::ceil_div(out.extent(1), wide);
    auto const [bundle, in_bundle] = split(number, most * all_across);
    matrix_index const left = strips(tall) - most * bundle;
    auto const [across, in_strips] = split(in_bundle, left < most ? left : most);
    matrix_index const strip = most * bundle + in_strips;
    row_range const found = device::group_at(offsets, a.groups(), strip * tall, tall);
    bool const is_found = found.group < a.groups();
    matrix_index const group = is_found ? found.group : 0, first = found.first;
    matrix_index const last = found.last < a.rows() ? found.last : a.rows();
    matrix_index const row = strip * tall - padded_start(first, group, tall);
    return group_tile<typename A::one, typename B::one, Out>{
        a.group(group, first, last),
        b.group(group, group * out.extent(1), (group + 1) * out.extent(1)),
        rows_of(out, first, last),
        row,
        across * wide,
        is_found && row >= 0 && row < last - first};
  }
};

/// Groups of columns of A and B, a matrix of A's rows by B's rows each, one below the other. Transform:
/// its size in both quantizers.
template <class A, class B, class Offset, class Out, matrix_index Transform>
struct groups_of_columns {
  A a;
  Offset const* offsets;
  B b;
  Out out;

  [[nodiscard]] NIBBLE_HD matrix_index tiles(matrix_index tall, matrix_index wide) const {
    return a.groups() * nibble::detail::ceil_div(a.rows(), tall) *
           nibble::detail::ceil_div(b.rows(), wide);
  }
  [[nodiscard]] __device__ auto tile(matrix_index number, matrix_index tall,
                                     matrix_index wide) const {
    matrix_index const down = nibble::detail::ceil_div(a.rows(), tall),
                       across = nibble::detail::ceil_div(b.rows(), wide);
    auto const [group, rest] = split(number, down * across);
    auto const [tile_column, tile_row] = split(rest, down);
    row_range const columns = columns_of(offsets, group, a.columns());
    return group_tile<typename A::one, typename B::one, Out>{
        a.group(group, columns.first, columns.last, Transform),
        b.group(group, columns.first, columns.last, Transform),
        rows_of(out, group * a.rows(), (group + 1) * a.rows()),
        tile_row * tall,
        tile_column * wide,
        true};
  }
};

/// Tiles of 64 x 64 results, blocks in FP64.
template <class QuantizerA, class QuantizerB, class Groups>
__global__ void __launch_bounds__(threads_per_block)
    multiply_groups_in_order(Groups groups, epilogue e) {
  using part = decltype(groups.tile(0, 0, 0));
  using left = coded_operand<decltype(part::a)>;
  using right = coded_operand<decltype(part::b)>;
  __shared__ ordered_stage<ordered_value<left, right>> stage;
  matrix_index const tiles = groups.tiles(ordered_side, ordered_side);
  for (matrix_index tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    part const p = groups.tile(tile, ordered_side, ordered_side);
    if (!p.is_used) continue;
    multiply_tile_in_order<ordered_sum>(stage, left{p.a}, right{p.b}, no_outer{},
                                        make_alpha<QuantizerA, QuantizerB>(p.a, p.b, e.alpha),
                                        p.out, e, p.row, p.column);
  }
}

/// Tiles of 64 x 128 exact results on int8 tensor cores.
template <class QuantizerA, class QuantizerB, class Groups>
__global__ void __launch_bounds__(threads_per_block, 1)
    multiply_groups_exactly(Groups groups, epilogue e) {
  extern __shared__ __align__(1024) uint4 memory[];
  auto const p = groups.tile(matrix_index{blockIdx.x}, exact_stages::rows, exact_stages::columns);
  if (!p.is_used) return;
  float const alpha = make_alpha<QuantizerA, QuantizerB>(p.a, p.b, e.alpha)(0, 0);
  multiply_tile_exact(*reinterpret_cast<exact_stages*>(memory), p.a, p.b, alpha, p.out, e, p.row,
                      p.column);
}

/// Tiles of 128 x 256 results on tensor cores.
template <class QuantizerA, class QuantizerB, class Groups>
__global__ void __launch_bounds__(threads_per_block, 1)
    multiply_groups_fast(Groups groups, epilogue e) {
  using tile = mma::block_tile;
  extern __shared__ __align__(1024) uint4 memory[];
  auto const p = groups.tile(matrix_index{blockIdx.x}, tile::rows, tile::columns);
  if (!p.is_used) return;
  float const alpha = make_alpha<QuantizerA, QuantizerB>(p.a, p.b, e.alpha)(0, 0);
  multiply_tile_fast(reinterpret_cast<staged_operands*>(memory), p.a, p.b, alpha, p.out, e, p.row,
                     p.column);
}

/// Launches the kernel of a mode. can_be_fast: on tensor cores without sums in FP64.
template <product Mode, class QuantizerA, class QuantizerB, class Groups>
[[nodiscard]] status launch_groups(cudaStream_t stream, Groups const& groups, epilogue const& e,
                                   bool can_be_fast) {
  if constexpr (Mode == product::exact) {
    return launch_product_tiles(stream, multiply_groups_exactly<QuantizerA, QuantizerB, Groups>,
                                sizeof(exact_stages),
                                groups.tiles(exact_stages::rows, exact_stages::columns), groups, e);
  } else {
    if constexpr (Mode == product::fast) {
      if (can_be_fast) {
        return launch_product_tiles(
            stream, multiply_groups_fast<QuantizerA, QuantizerB, Groups>, fast_tile_bytes(),
            groups.tiles(mma::block_tile::rows, mma::block_tile::columns), groups, e);
      }
    }
    multiply_groups_in_order<QuantizerA, QuantizerB, Groups>
        <<<grid_for(groups.tiles(ordered_side, ordered_side) * threads_per_block),
           threads_per_block, 0, stream>>>(groups, e);
    return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
  }
}

/// Are these NVFP4 with scales in tiles, as tensor cores load them without sums in FP64?
template <class A, class B>
inline constexpr bool are_tiled = std::is_same_v<typename A::block_type, nvfp4_block>&&
    std::is_same_v<typename B::block_type, nvfp4_block>&&
        std::is_same_v<typename A::scale_layout, layout::scale_tile_128x4>&&
            std::is_same_v<typename B::scale_layout, layout::scale_tile_128x4>;

/// What every product of groups asks of its types.
template <product Mode, class QuantizerA, class QuantizerB, class A, class B>
constexpr void check_group_types() noexcept {
  static_assert(A::block_type::size == B::block_type::size,
                "got blocks of different sizes; both operands need the same along K");
  static_assert(
      std::is_same_v<typename QuantizerA::transform_type, typename QuantizerB::transform_type>,
      "got a transform on one operand only, or two that differ; they cancel only in pairs");
  static_assert(QuantizerA::has_one_amax && QuantizerB::has_one_amax,
                "got amaxes of rows, which need no groups; multiply the rows as one matrix");
  static_assert(Mode != product::exact || (std::is_same_v<typename A::block_type, nvfp4_block> &&
                                           std::is_same_v<typename B::block_type, nvfp4_block>),
                "got a format other than e2m1 with E4M3 scales; product::exact is proved for that "
                "one, use product::ordered");
}

}  // namespace nibble::device::detail
