// SPDX-License-Identifier: Apache-2.0
// The amaxes of a matrix and of its transpose on the device, from one pass over it.
#pragma once

#include "nibble/device/amax.cuh"
#include "nibble/device/clear.cuh"
#include "nibble/device/pairs.cuh"

namespace nibble::device {

namespace detail {

/// The largest magnitudes so far of bf16 numbers in pairs, two columns of 16 rows at a time, and of the
/// sums of the columns' transform. A largest of sums is rounded once, as rounding keeps their order.
struct largest_of_pairs {
  std::uint32_t plain = 0;
  float sum = 0;

  template <class Transform>
  __device__ __forceinline__ void take(std::uint32_t const (&pairs)[16], Transform const& t) {
    float columns[2][16];
    for (int r = 0; r < 16; ++r) {
      float both[2];
      plain = arch::ptx::max_bf16x2(plain, arch::ptx::abs_bf16x2(pairs[r]));
      widen<bf16>(pairs[r] ^ signs_of_both(t, r), both);
      for (int c = 0; c < 2; ++c) columns[c][r] = both[c];
    }
    for (auto& column : columns) {
      add_as_hadamard(column);
      for (float const each : column) sum = arch::ptx::max_abs_f32(sum, each);
    }
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t plain_bits() const {
    float values[2];
    widen<bf16>(plain, values);
    return nibble::detail::float_bits(arch::ptx::max_abs_f32(values[0], values[1]));
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t transformed_bits() const {
    float const quarter = arch::multiply(sum, transform::hadamard<16, bf16>::factor);
    return nibble::detail::float_bits(static_cast<float>(bf16(quarter)));
  }
};

/// The largest magnitude of a matrix, and that of its columns once transformed in groups of 16. A
/// thread takes 8 bytes of 16 rows, so that a warp reads 256 bytes of a row.
template <class T, class Columns>
__global__ void __launch_bounds__(threads_per_block)
    amax_plain_and_columns(T const* in, matrix_index pitch, matrix_index groups,
                           matrix_index across, float* plain_amax, float* column_amax, Columns q) {
  constexpr int each = 8 / static_cast<int>(sizeof(T));
  constexpr bool is_paired =
      std::is_same_v<T, bf16> && is_hadamard_16<typename Columns::transform_type>;
  std::uint32_t largest = 0, transformed = 0;
  [[maybe_unused]] largest_of_pairs found_in_pairs;
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  for (matrix_index t = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
       t < groups * across; t += step) {
    auto const [group, place] = split(t, across);
    T const* const from = in + group * 16 * pitch + place * each;
    uint2 words[16];
    for (int r = 0; r < 16; ++r) words[r] = *reinterpret_cast<uint2 const*>(from + r * pitch);
    if constexpr (is_paired) {
      for (int half = 0; half < 2; ++half) {
        std::uint32_t pairs[16];
        for (int r = 0; r < 16; ++r) pairs[r] = half == 0 ? words[r].x : words[r].y;
        found_in_pairs.take(pairs, q.transform);
      }
    } else {
      float values[std::size_t{each}][16];
      for (int r = 0; r < 16; ++r) {
        float found[std::size_t{each}];
        widen<T>(words[r].x, found);
        widen<T>(words[r].y, found + each / 2);
        for (int c = 0; c < each; ++c) values[c][r] = found[c];
      }
      for (auto& column : values) {
        largest = max(largest, scaling::row_amax_bits(column));
        q.transform_row(column);
        transformed = max(transformed, scaling::row_amax_bits(column));
      }
    }
  }
  if constexpr (is_paired) {
    largest = found_in_pairs.plain_bits();
    transformed = found_in_pairs.transformed_bits();
  }
  merge_amax(largest, plain_amax);
  merge_amax(transformed, column_amax);
}

}  // namespace detail

/// Finds the amaxes of a matrix and of its transpose; see nibble::find_amax_both.
///
/// rule    one pass where one amax serves each direction, rows are not transformed, columns in groups
///         of 16, extents are multiples of 16 and rows contiguous and 8-byte aligned; else two.
/// errors  as find_amax. Allocates nothing, can be captured in a graph.
/// bits    those of find_amax of `in` and of transposed(in).
template <class In, class BlockR, class LayoutR, class BlockC, class LayoutC, class Rows,
          class Columns>
status find_amax_both(::cuda::stream_ref stream, In const& in,
                      quantized_view<BlockR, LayoutR> const& rows_out,
                      quantized_view<BlockC, LayoutC> const& columns_out, Rows const& q_rows,
                      Columns const& q_columns) {
  using value_type = std::remove_cv_t<typename In::value_type>;
  constexpr int row_transform = Rows::transform_type::size,
                column_transform = Columns::transform_type::size;
  status fits = detail::check_amax<Rows>(in.extent(0), in.extent(1), rows_out);
  if (fits == status::success) {
    fits = detail::check_amax<Columns>(in.extent(1), in.extent(0), columns_out);
  }
  if (fits != status::success) return fits;
  if constexpr (Rows::has_one_amax && Columns::has_one_amax && row_transform == 1 &&
                (column_transform == 1 ||
                 (column_transform == 16 && Columns::group.columns == 16))) {
    float* const cells[2]{rows_out.amax.data_handle(), columns_out.amax.data_handle()};
    if constexpr (column_transform == 1) {
      status const found = find_amax(stream, in, rows_out, q_rows);
      if (found != status::success) return found;
      return cudaMemcpyAsync(cells[1], cells[0], sizeof(float), cudaMemcpyDeviceToDevice,
                             stream.get()) == cudaSuccess
                 ? status::success
                 : status::launch_failed;
    } else if (in.extent(0) % 16 == 0 && in.extent(1) % 16 == 0 && in.stride(1) == 1 &&
               static_cast<std::size_t>(in.stride(0)) * sizeof(value_type) % 8 == 0 &&
               is_aligned(in.data_handle(), 8)) {
      auto const q = detail::prepared(q_columns);
      auto* const kernel =
          detail::amax_plain_and_columns<value_type, std::remove_const_t<decltype(q)>>;
      status const cleared =
          detail::clear(stream.get(), kernel, ::cuda::std::span<float>(cells[0], 1),
                        ::cuda::std::span<float>(cells[1], 1));
      if (cleared != status::success) return cleared;
      matrix_index const across = in.extent(1) * static_cast<matrix_index>(sizeof(value_type)) / 8;
      matrix_index const groups = in.extent(0) / 16;
      if (across * groups == 0) return status::success;
      kernel<<<detail::grid_for(across * groups, 4), detail::threads_per_block, 0, stream.get()>>>(
          in.data_handle(), static_cast<matrix_index>(in.stride(0)), groups, across, cells[0],
          cells[1], q);
      return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
    }
  }
  status const found = find_amax(stream, in, rows_out, q_rows);
  return found == status::success ? find_amax(stream, transposed(in), columns_out, q_columns)
                                  : found;
}

}  // namespace nibble::device
