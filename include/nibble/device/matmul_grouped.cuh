// SPDX-License-Identifier: Apache-2.0
// The products of the experts of a mixture in one launch: rows of one matrix, parted by offsets that
// only the device need know, each part times a matrix of its own.
#pragma once

#include <cuda/stream_ref>

#include "nibble/device/grouped_parts.cuh"

namespace nibble::device {

namespace detail {

/// Can tiles on tensor cores load these as they lie in memory?
template <class A, class B>
[[nodiscard]] bool suits_tiles(A const& a, B const& b) noexcept {
  auto const is_wide = [](auto const& view) {
    return view.codes.stride(0) % 32 == 0 && view.codes.data_handle().first == 0 &&
           is_aligned(view.codes.data_handle().bytes, 16) &&
           is_aligned(view.scales.data_handle(), 2);
  };
  return are_tiled<A, B> && a.columns() % 64 == 0 && is_wide(a) && is_wide(b);
}

}  // namespace detail

/// out = alpha A_g B_g^T + beta out + bias for the rows of every group g, in one launch.
///
/// shape   a: rows x columns in groups, as quantize_grouped made it with these offsets. b: as many
///         groups of out.extent(1) rows each, as quantize_grouped made it with multiples of that.
///         out: a's rows by that many columns, any strides; rows of no group are left alone. The
///         bias is one for all groups.
/// rule    exact: digits on int8 tensor cores, see exact_tile.cuh; ordered: blocks in FP64. fast: on
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
  detail::check_group_types<Mode, QuantizerA, QuantizerB, view_a, view_b>();
  if (a.columns() != b.columns() || a.groups() != b.groups() || out.extent(0) != a.rows() ||
      b.rows() != b.groups() * out.extent(1) ||
      static_cast<matrix_index>(offsets.size()) != a.groups() + 1) {
    return status::shape_mismatch;
  }
  if (Mode == product::exact && a.columns() > nibble::detail::exact_limit) {
    return status::sum_too_long;
  }
  if (a.groups() == 0 || out.extent(0) == 0 || out.extent(1) == 0) return status::success;
  detail::groups_of_rows<view_a, view_b, Offset, Out> const groups{a, offsets.data(), b, out};
  return detail::launch_groups<Mode, QuantizerA, QuantizerB>(stream.get(), groups, e,
                                                             detail::suits_tiles(a, b));
}

}  // namespace nibble::device
