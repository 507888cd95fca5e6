// SPDX-License-Identifier: Apache-2.0
// The outputs of a kernel over tiles, and where the scales of a tile go: what is the same for all tiles is found before
// the launch.
#pragma once

#include "nibble/device/tile_place.cuh"

namespace nibble::device::detail {

/// Where the scales of an output go, found before the launch: in 8 bytes a row or in 16 bytes a thread where
/// is_wide, a scale for each row, else one by one.
template <class Out>
struct scale_target {
  Out out;
  bool is_wide;
};
template <class Out>
[[nodiscard]] scale_target<Out> scale_target_of(Out const& out) noexcept {
  auto const& mapping = out.scales.mapping();
  bool is_wide = out.rows_per_scale() == 1 &&
                 reinterpret_cast<std::uintptr_t>(out.scales.data_handle()) % 16 == 0;
  if constexpr (has_scale_tiles<Out>) {
    is_wide = is_wide && mapping.is_whole();
  } else {
    is_wide = is_wide && std::is_same_v<typename Out::scale_layout, ::cuda::std::layout_right> &&
              out.scales.extent(1) % 8 == 0;
  }
  return {out, is_wide};
}

/// Calls body(i) for each i below Count, this thread's share of 256.
template <unsigned Count, class Body>
__device__ __forceinline__ void share_out(unsigned thread, Body const& body) {
#pragma unroll
  for (unsigned first = 0; first < Count; first += threads_per_block) {
    if (first + threads_per_block <= Count || first + thread < Count) body(first + thread);
  }
}

/// Writes the scales of a part that begins at (first_row, first_block), of which so many rows and blocks are
/// inside, given for every RowsEach rows. thread: the number of this one of 256; low ones have more to do, so
/// that two directions number them from either end.
template <unsigned RowsEach, class Scale, std::size_t Down, std::size_t Across, class Out>
__device__ __forceinline__ void store_scales(Scale const (&scales)[Down][Across],
                                             scale_target<Out> const& target,
                                             matrix_index first_row, matrix_index first_block,
                                             int rows, int blocks, unsigned thread) {
  constexpr unsigned tall = unsigned{Down} * RowsEach, wide = unsigned{Across}, edge = tile_edge;
  auto const& out = target.out;
  auto const& mapping = out.scales.mapping();
  Scale* const data = out.scales.data_handle();
  constexpr int together = has_scale_tiles<Out> ? 4 : 8;
  if (target.is_wide && rows % tile_edge == 0 && blocks % together == 0) {
    // Of rows of one tile, all are inside.
    auto const is_inside = [&](unsigned row, unsigned block) {
      return (tall == edge || static_cast<int>(row) < rows) &&
             (wide == unsigned{together} || static_cast<int>(block) < blocks);
    };
    if constexpr (has_scale_tiles<Out>) {
      share_out<tall / 4 * (wide / 4)>(thread, [&](unsigned i) {
        unsigned const row = i % 32, tile = i / 32 % (wide / 4), down = i / (8 * wide) * edge;
        if (!is_inside(down, 4 * tile)) return;
        auto const four = [&](unsigned below) {
          return reinterpret_cast<std::uint32_t const*>(
              scales[(down + row + below) / RowsEach])[tile];
        };
        reinterpret_cast<uint4*>(data + mapping(first_row + down, first_block + 4 * tile))[row] =
            uint4{four(0), four(32), four(64), four(96)};
      });
    } else {
      share_out<tall*(wide / 8)>(thread, [&](unsigned i) {
        unsigned const row = i / (wide / 8), eighth = i % (wide / 8);
        if (!is_inside(row, 8 * eighth)) return;
        *reinterpret_cast<uint2*>(data + mapping(first_row + row, first_block + 8 * eighth)) =
            reinterpret_cast<uint2 const*>(scales[row / RowsEach])[eighth];
      });
    }
    return;
  }
  int const step = out.rows_per_scale() == 1 ? 1 : 16;
#pragma unroll 1
  for (int i = static_cast<int>(thread); i < int{tall} / step * int{wide}; i += threads_per_block) {
    int const row = i / int{wide}, block = i % int{wide};
    if (row * step < rows && block < blocks) {
      out.scales(first_row / step + row, first_block + block) =
          scales[row * step / int{RowsEach}][block];
    }
  }
}

/// An output as the kernel takes it.
template <class Out>
struct tile_output {
  code_target<is_decoded<Out>> codes;
  scale_target<Out> scales;

  explicit tile_output(Out const& out) noexcept
      : codes(code_target_of(out)), scales(scale_target_of(out)) {}
  [[nodiscard]] __device__ __forceinline__ float amax() const { return scales.out.amax(0, 0); }
};
template <>
struct tile_output<decoded_output> {
  code_target<true> codes;
  float const* tensor_amax;

  explicit tile_output(decoded_output const& out) noexcept
      : codes(code_target_of(out)), tensor_amax(out.tensor_amax) {}
  [[nodiscard]] __device__ __forceinline__ float amax() const { return *tensor_amax; }
};
template <>
struct tile_output<no_side> {
  explicit tile_output(no_side) noexcept {}
};

/// The encoder of a direction, or nothing.
template <bool WithThresholds, class Quantizer, class Out, class Memory>
[[nodiscard]] __device__ __forceinline__ auto encoder_for(Quantizer const& q,
                                                          tile_output<Out> const& out,
                                                          Memory& memory) {
  if constexpr (std::is_same_v<Quantizer, no_side>) {
    return no_side{};
  } else {
    return sixteen_encoder<Quantizer, WithThresholds>(
        q, Quantizer::outer::shares == tensor_scale::granularity::none ? 0.0f : out.amax(),
        memory.table);
  }
}

/// Have two directions one kind of quantizer and one amax, and so, as scalings hold no state, the same tables, and to
/// nearest the same codes of square tiles?
template <class Rows, class Columns, class RowsOut, class ColumnsOut>
[[nodiscard]] __device__ __forceinline__ bool are_alike(
    [[maybe_unused]] tile_output<RowsOut> const& rows_out,
    [[maybe_unused]] tile_output<ColumnsOut> const& columns_out) {
  if constexpr (std::is_same_v<Rows, Columns> && !std::is_same_v<Rows, no_side>) {
    return Rows::outer::shares == tensor_scale::granularity::none ||
           arch::equal(rows_out.amax(), columns_out.amax());
  }
  return false;
}

}  // namespace nibble::device::detail
