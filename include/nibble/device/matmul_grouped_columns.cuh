// SPDX-License-Identifier: Apache-2.0
// The gradients of the weights of a mixture's experts in one launch: sums over each expert's tokens,
// whose numbers only the device need know.
#pragma once

#include <cuda/stream_ref>

#include "nibble/device/grouped_parts.cuh"

namespace nibble::device {

namespace detail {

/// Can tiles on tensor cores load these as they lie in memory? Rows of a group are whole tiles there.
template <class A, class B>
[[nodiscard]] bool suits_column_tiles(A const& a, B const& b) noexcept {
  auto const is_wide = [](auto const& view) {
    return view.codes.first == 0 && is_aligned(view.codes.bytes, 16) && is_aligned(view.scales, 2);
  };
  return are_tiled<A, B> && is_wide(a) && is_wide(b);
}

}  // namespace detail

/// out_g = alpha A_g B_g^T + beta out_g + bias for every group g of columns, in one launch: the gradient
/// of expert g's weights, if A is the transposed gradient of the outputs, B the transposed inputs.
///
/// shape   a, b: as quantize_grouped_columns made them with these offsets, M and N rows. out: M x N for
///         each group, one below the other, float or bf16, any strides. A group without columns has
///         sums of 0. The bias is one for all groups.
/// rule    exact: digits on int8 tensor cores, see exact_tile.cuh; ordered: blocks in FP64. fast: on
///         tensor cores where scales lie in 128x4 tiles and codes on 16-byte boundaries; otherwise as
///         ordered.
/// errors  shape_mismatch, sum_too_long (exact: more than 2^20 columns in all groups): nothing is
///         written then; launch_failed. Needs no memory, can be captured in a graph; offsets may change
///         between replays. Offsets outside count as the nearest inside, a group where they fall is
///         empty.
/// bits    exact and ordered: those of nibble::matmul of each group alone. fast: outside the promise
///         of equal bytes.
template <product Mode, class BlockA, class LayoutA, class QuantizerA, class Offset, class BlockB,
          class LayoutB, class QuantizerB, class Out>
status matmul_grouped_columns(::cuda::stream_ref stream,
                              grouped_columns_view<BlockA, LayoutA> const& a, QuantizerA const&,
                              ::cuda::std::span<Offset const> offsets,
                              grouped_columns_view<BlockB, LayoutB> const& b, QuantizerB const&,
                              Out const& out, epilogue const& e = {}) {
  using view_a = grouped_columns_view<BlockA, LayoutA>;
  using view_b = grouped_columns_view<BlockB, LayoutB>;
  detail::check_group_types<Mode, QuantizerA, QuantizerB, view_a, view_b>();
  if (a.columns() != b.columns() || a.groups() != b.groups() ||
      out.extent(0) != a.groups() * a.rows() || out.extent(1) != b.rows() ||
      static_cast<matrix_index>(offsets.size()) != a.groups() + 1) {
    return status::shape_mismatch;
  }
  if (Mode == product::exact && a.columns() > nibble::detail::exact_limit) {
    return status::sum_too_long;
  }
  if (out.extent(0) == 0 || out.extent(1) == 0) return status::success;
  detail::groups_of_columns<view_a, view_b, Offset, Out, QuantizerA::transform_type::size> const
      groups{a, offsets.data(), b, out};
  return detail::launch_groups<Mode, QuantizerA, QuantizerB>(stream.get(), groups, e,
                                                             detail::suits_column_tiles(a, b));
}

}  // namespace nibble::device
