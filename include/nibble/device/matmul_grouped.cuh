// SPDX-License-Identifier: Apache-2.0
// The products of the experts of a mixture in one launch: rows of one matrix, parted by offsets that
// only the device need know, each part times a matrix of its own.
#pragma once

#include <cuda/std/span>
#include <cuda/stream_ref>

#include "nibble/device/grouped_rows.cuh"
#include "nibble/device/grouped_tile.cuh"
#include "nibble/device/ordered.cuh"
#include "nibble/matmul.hpp"

namespace nibble::device {

namespace detail {

/// The exact sum of NVFP4 products, in units of 2^-20: a block's term has at most 20 significant
/// bits, and sums over 2^20 elements stay below 2^63 units.
struct exact_sum {
  std::int64_t units = 0;
  bool is_nan = false;
  __device__ void add(double term) {
    if (term != term) {
      is_nan = true;
    } else {
      units += __double2ll_rn(__dmul_rn(term, 0x1p20));
    }
  }
  /// int64 to float rounds once; the factor is a power of two and the result far from subnormal.
  [[nodiscard]] __device__ float rounded() const {
    return is_nan ? nibble::detail::float_from_bits(0x7FC0'0000u)
                  : arch::multiply(__ll2float_rn(units), 0x1p-20f);
  }
};

/// A strip of rows of one group, and the group's operands and result.
template <class A, class B, class Out>
struct group_part {
  typename A::one a;
  typename B::one b;
  Out out;
  matrix_index row;  // in the group
  bool is_used;      // false for padding

  /// All threads of a block call it, with equal arguments.
  template <class Offset>
  __device__ group_part(A const& all_a, Offset const* offsets, B const& all_b, Out const& all_out,
                        matrix_index strip, matrix_index tall)
      : group_part(all_a, all_b, all_out, strip, tall,
                   device::group_at(offsets, all_a.groups(), strip * tall, tall)) {}

 private:
  __device__ group_part(A const& all_a, B const& all_b, Out const& all_out, matrix_index strip,
                        matrix_index tall, row_range const& rows)
      : group_part(all_a, all_b, all_out, rows.group < all_a.groups() ? rows.group : 0, rows.first,
                   rows.last < all_a.rows() ? rows.last : all_a.rows(),
                   strip * tall - padded_start(rows.first, rows.group, tall)) {
    is_used = rows.group < all_a.groups() && row >= 0 && row < a.rows();
  }
  __device__ group_part(A const& all_a, B const& all_b, Out const& all_out, matrix_index group,
                        matrix_index first, matrix_index last, matrix_index row_)
      : a(all_a.group(group, first, last)),
        b(all_b.group(group, group * all_out.extent(1), (group + 1) * all_out.extent(1))),
        out(all_out.data_handle() + first * all_out.stride(0),
            {matrix_extents(last - first, all_out.extent(1)),
             ::cuda::std::array<matrix_index, 2>{all_out.stride(0), all_out.stride(1)}}),
        row(row_),
        is_used(false) {}
};

/// Tiles of 64 x 64 results, summed as Sum does.
template <class Sum, class QuantizerA, class QuantizerB, class A, class B, class Offset, class Out>
__global__ void __launch_bounds__(threads_per_block)
    multiply_groups_in_order(A a, Offset const* offsets, B b, Out out, epilogue e) {
  using left = coded_operand<typename A::one>;
  using right = coded_operand<typename B::one>;
  __shared__ ordered_stage<ordered_value<left, right>> stage;
  matrix_index const across = nibble::detail::ceil_div<matrix_index>(out.extent(1), ordered_side);
  matrix_index const strips = padded_start(a.rows(), a.groups(), ordered_side) / ordered_side;
  for (matrix_index tile = blockIdx.x; tile < across * strips; tile += gridDim.x) {
    group_part<A, B, Out> const part(a, offsets, b, out, tile / across, ordered_side);
    if (!part.is_used) continue;
    auto const alpha_of = make_alpha<QuantizerA, QuantizerB>(part.a, part.b, e.alpha);
    multiply_tile_in_order<Sum>(stage, left{part.a}, right{part.b}, no_outer{}, alpha_of, part.out,
                                e, part.row, tile % across * ordered_side);
  }
}

/// Tiles of 128 x 256 results on tensor cores.
template <class QuantizerA, class QuantizerB, class A, class B, class Offset, class Out>
__global__ void __launch_bounds__(threads_per_block, 1)
    multiply_groups_fast(A a, Offset const* offsets, B b, Out out, epilogue e) {
  using tile = mma::block_tile;
  extern __shared__ __align__(1024) uint4 memory[];
  group_part<A, B, Out> const part(a, offsets, b, out, matrix_index{blockIdx.x}, tile::rows);
  if (!part.is_used) return;
  float const alpha = make_alpha<QuantizerA, QuantizerB>(part.a, part.b, e.alpha)(0, 0);
  multiply_tile_fast(*reinterpret_cast<staged_operands*>(memory), part.a, part.b, alpha, part.out,
                     e, part.row, matrix_index{blockIdx.y} * tile::columns);
}

/// Can tiles on tensor cores load these as they lie in memory?
template <class A, class B>
[[nodiscard]] bool suits_tiles(A const& a, B const& b) noexcept {
  if constexpr (std::is_same_v<typename A::block_type, nvfp4_block> &&
                std::is_same_v<typename B::block_type, nvfp4_block> &&
                std::is_same_v<typename A::scale_layout, layout::scale_tile_128x4> &&
                std::is_same_v<typename B::scale_layout, layout::scale_tile_128x4>) {
    auto const is_wide = [](auto const& view) {
      return view.codes.stride(0) % 32 == 0 && view.codes.data_handle().first == 0 &&
             is_aligned(view.codes.data_handle().bytes, 16) &&
             is_aligned(view.scales.data_handle(), 2);
    };
    return a.columns() > 0 && a.columns() % 64 == 0 && is_wide(a) && is_wide(b);
  } else {
    return false;
  }
}

}  // namespace detail

/// out = alpha A_g B_g^T + beta out + bias for the rows of every group g, in one launch.
///
/// shape   a: rows x columns in groups, as quantize_grouped made it with these offsets. b: as many
///         groups of out.extent(1) rows each, as quantize_grouped made it with multiples of that.
///         out: a's rows by that many columns, any strides; rows of no group are left alone. The
///         bias is one for all groups.
/// rule    exact: a block's 16 products in FP32, blocks in int64; ordered: blocks in FP64. fast: on
///         tensor cores where scales lie in 128x4 tiles, columns are a multiple of 64 and codes on
///         16-byte boundaries; otherwise as ordered.
/// errors  shape_mismatch, sum_too_long: nothing is written then; launch_failed. Needs no memory,
///         can be captured in a graph; offsets may change between replays.
/// bits    exact and ordered: those of nibble::matmul of each group alone. fast: outside the promise
///         of equal bytes.
template <product Mode, class BlockA, class LayoutA, class QuantizerA, class Offset, class BlockB,
          class LayoutB, class QuantizerB, class Out>
status matmul_grouped(::cuda::stream_ref stream, grouped_view<BlockA, LayoutA> const& a,
                      QuantizerA const&, ::cuda::std::span<Offset const> offsets,
                      grouped_view<BlockB, LayoutB> const& b, QuantizerB const&, Out const& out,
                      epilogue const& e = {}) {
  using view_a = grouped_view<BlockA, LayoutA>;
  using view_b = grouped_view<BlockB, LayoutB>;
  static_assert(view_a::block_type::size == view_b::block_type::size,
                "got blocks of different sizes; both operands need the same along K");
  static_assert(
      std::is_same_v<typename QuantizerA::transform_type, typename QuantizerB::transform_type>,
      "got a transform on one operand only, or two that differ; they cancel only in pairs");
  static_assert(QuantizerA::has_one_amax && QuantizerB::has_one_amax,
                "got amaxes of rows, which need no groups; multiply the rows as one matrix");
  constexpr bool is_exact = Mode == product::exact;
  static_assert(!is_exact || (std::is_same_v<typename view_a::block_type, nvfp4_block> &&
                              std::is_same_v<typename view_b::block_type, nvfp4_block>),
                "got a format other than e2m1 with E4M3 scales; product::exact is proved for that "
                "one, use product::ordered");
  if (a.columns() != b.columns() || a.groups() != b.groups() || out.extent(0) != a.rows() ||
      b.rows() != b.groups() * out.extent(1) ||
      static_cast<matrix_index>(offsets.size()) != a.groups() + 1) {
    return status::shape_mismatch;
  }
  if (is_exact && a.columns() > nibble::detail::exact_limit) return status::sum_too_long;
  if (a.groups() == 0 || out.extent(0) == 0 || out.extent(1) == 0) return status::success;
  if constexpr (Mode == product::fast) {
    if (detail::suits_tiles(a, b)) {
      return detail::launch_tiles_fast(
          stream.get(),
          detail::multiply_groups_fast<QuantizerA, QuantizerB, view_a, view_b, Offset, Out>,
          padded_start(a.rows(), a.groups(), mma::block_tile::rows) / mma::block_tile::rows,
          out.extent(1), a, offsets.data(), b, out, e);
    }
  }
  using sum = std::conditional_t<is_exact, detail::exact_sum, detail::ordered_sum>;
  matrix_index const tiles =
      padded_start(a.rows(), a.groups(), detail::ordered_side) / detail::ordered_side *
      nibble::detail::ceil_div<matrix_index>(out.extent(1), detail::ordered_side);
  detail::multiply_groups_in_order<sum, QuantizerA, QuantizerB, view_a, view_b, Offset, Out>
      <<<detail::grid_for(tiles * detail::threads_per_block), detail::threads_per_block, 0,
         stream.get()>>>(a, offsets.data(), b, out, e);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace nibble::device
