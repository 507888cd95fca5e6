// SPDX-License-Identifier: Apache-2.0
// How well a quantized matrix stands for the original, found and left on the device.
#pragma once

#include <cuda/stream_ref>

#include "nibble/device/status.cuh"
#include "nibble/device/tile.cuh"
#include "nibble/metrics.hpp"

namespace nibble::device {

/// How many reports compare() works with: the workspace, and the order of its sums, for any size.
inline constexpr int compare_pieces = 1024;

namespace detail {

/// The value of a float that is no NaN, whatever the flags: a conversion under --use_fast_math takes
/// subnormals for zeros.
[[nodiscard]] __device__ __forceinline__ double exactly(float value) {
  std::uint32_t const bits = nibble::detail::magnitude_bits(value);
  int const exponent = static_cast<int>(bits >> 23);
  if (exponent == 255) return value;
  auto const digits = static_cast<int>(exponent > 0 ? (bits & 0x7F'FFFFu) | 0x80'0000u : bits);
  int const power = (exponent > 0 ? exponent : 1) - 150;
  double const unit = __longlong_as_double(static_cast<long long>(power + 1023) << 52);
  bool const is_negative = nibble::detail::float_bits(value) >> 31 != 0;
  return __dmul_rn(is_negative ? -digits : digits, unit);
}

/// Adds the sums of another report, fused with nothing.
__device__ __forceinline__ void add_report(error_report& to, error_report const& from) {
  to.count += from.count;
  to.nan_count += from.nan_count;
  to.flushed += from.flushed;
  to.saturated += from.saturated;
  to.sum_squares = __dadd_rn(to.sum_squares, from.sum_squares);
  to.sum_squared_error = __dadd_rn(to.sum_squared_error, from.sum_squared_error);
  to.sum_error = __dadd_rn(to.sum_error, from.sum_error);
  to.largest_error = from.largest_error > to.largest_error ? from.largest_error : to.largest_error;
}

/// Adds one element: what it was, what its code stands for, and whether that is the largest one.
__device__ __forceinline__ void add_element(error_report& report, float value, float back,
                                            bool is_largest_code) {
  using nibble::detail::magnitude_bits;
  if (magnitude_bits(value) > nibble::detail::infinity_bits) {
    ++report.nan_count;
    return;
  }
  ++report.count;
  report.flushed += magnitude_bits(value) != 0 && magnitude_bits(back) == 0;
  report.saturated += is_largest_code && magnitude_bits(value) > magnitude_bits(back);
  double const was = exactly(value);
  bool const is_nan = magnitude_bits(back) > nibble::detail::infinity_bits;
  double const error = __dadd_rn(is_nan ? static_cast<double>(back) : exactly(back), -was);
  report.sum_squares = __dadd_rn(report.sum_squares, __dmul_rn(was, was));
  report.sum_squared_error = __dadd_rn(report.sum_squared_error, __dmul_rn(error, error));
  report.sum_error = __dadd_rn(report.sum_error, error);
  double const size = error < 0 ? -error : error;
  report.largest_error = size > report.largest_error ? size : report.largest_error;
}

/// The sum over a CTA's threads, in thread 0: lanes by halves, then warps in order. All threads must
/// call it.
[[nodiscard]] __device__ inline error_report sum_of_cta(error_report mine) {
  constexpr int warps = threads_per_block / 32;
  alignas(16) __shared__ unsigned char storage[warps * sizeof(error_report)];
  auto* const of_warp = reinterpret_cast<error_report*>(storage);
  for (unsigned step = 16; step > 0; step /= 2) {
    error_report other;
    constexpr unsigned all = 0xFFFF'FFFFu;
    other.count = __shfl_down_sync(all, mine.count, step);
    other.nan_count = __shfl_down_sync(all, mine.nan_count, step);
    other.flushed = __shfl_down_sync(all, mine.flushed, step);
    other.saturated = __shfl_down_sync(all, mine.saturated, step);
    other.sum_squares = __shfl_down_sync(all, mine.sum_squares, step);
    other.sum_squared_error = __shfl_down_sync(all, mine.sum_squared_error, step);
    other.sum_error = __shfl_down_sync(all, mine.sum_error, step);
    other.largest_error = __shfl_down_sync(all, mine.largest_error, step);
    add_report(mine, other);
  }
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = mine;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int warp = 1; warp < warps; ++warp) add_report(mine, of_warp[warp]);
  }
  return mine;
}

/// One CTA a piece: thread t of piece p takes groups 256 p + t, 256 (p + 1024) + t, ... in order.
/// Vector: rows of whole groups, loaded 16 bytes wide.
template <bool Vector, class In, class View, class Quantizer>
__global__ void __launch_bounds__(threads_per_block)
    compare_groups(In original, View quantized, Quantizer q, error_report* pieces) {
  using block_type = typename Quantizer::block_type;
  constexpr int size = block_type::size;
  constexpr auto tall = static_cast<std::size_t>(Quantizer::group.rows);
  constexpr auto wide = static_cast<std::size_t>(Quantizer::group.columns);
  matrix_index const across = nibble::detail::ceil_div<matrix_index>(quantized.columns(), wide);
  matrix_index const count =
      across * nibble::detail::ceil_div<matrix_index>(quantized.rows(), tall);
  auto const shared = Quantizer::prepare({Quantizer::has_one_amax ? quantized.amax(0, 0) : 0.0f});
  bool const is_wide = has_aligned_codes(quantized);
  error_report report;
  for (matrix_index g = static_cast<matrix_index>(blockIdx.x) * threads_per_block + threadIdx.x;
       g < count; g += matrix_index{compare_pieces} * threads_per_block) {
    auto const [group_row, group_column] = split(g, across);
    matrix_index const row = group_row * matrix_index{tall};
    matrix_index const column = group_column * matrix_index{wide};
    float values[tall][wide];
    if constexpr (Vector) {
      load_vectors(&original(row, column), values[0]);
    } else {
      load_checked(original, row, column, values);
    }
    for (auto& one : values) q.transform_row(one);
    for (int r = 0; r < int{tall} && row + r < quantized.rows(); ++r) {
      for (int c = 0; c < int{wide} && column + c < quantized.columns(); c += size) {
        matrix_index const at = column + c;
        using element = typename block_type::element_type;
        auto const* const from = code_address(quantized, row + r, at / size);
        block_type const stored{is_wide ? load_codes<true, element, size>(from)
                                        : load_codes<false, element, size>(from),
                                quantized.scale(row + r, at / size)};
        auto const factors =
            Quantizer::has_one_amax ? shared : Quantizer::prepare({quantized.amax_of(row + r, at)});
        auto const decoded = Quantizer::decode(stored, factors);
        for (int i = 0; i < size && at + i < quantized.columns(); ++i) {
          constexpr auto format = element::format;
          std::uint32_t const code = stored.codes[i].bits() & format.magnitude_mask();
          add_element(report, values[r][c + i], decoded[i], code == format.max_code());
        }
      }
    }
  }
  report = sum_of_cta(report);
  if (threadIdx.x == 0) pieces[blockIdx.x] = report;
}

/// One CTA: thread t takes pieces t, t + 256, ... in order.
template <class Report>
__global__ void __launch_bounds__(threads_per_block)
    sum_reports(Report const* pieces, int count, Report* result) {
  Report report;
  for (int p = static_cast<int>(threadIdx.x); p < count; p += threads_per_block) {
    add_report(report, pieces[p]);
  }
  report = sum_of_cta(report);
  if (threadIdx.x == 0) *result = report;
}

}  // namespace detail

/// Compares a quantized matrix with what it was made from; see nibble::compare.
///
/// shape   original: any strides. workspace: compare_pieces reports, result: one, both in device
///         memory; result may be a step's own place in an array, read once training is over.
/// rule    groups are dealt to 2^18 slots in turn, a slot adds its elements in order, slots are
///         added in a fixed tree.
/// errors  shape_mismatch, workspace_too_small. Allocates nothing, can be captured in a graph.
/// bits    the counts and the largest error are those of nibble::compare. The sums are the same in
///         every run and on every GPU, but added in another order than on the host: equal to the
///         host's where every partial sum is exact, within 2^-52 a term elsewhere.
template <class In, class Block, class ScaleLayout, class Quantizer>
status compare(::cuda::stream_ref stream, In const& original,
               quantized_view<Block, ScaleLayout> const& quantized, Quantizer const& q,
               ::cuda::std::span<error_report> workspace, error_report* result) {
  using view = quantized_view<Block, ScaleLayout>;
  static_assert(std::is_same_v<typename Quantizer::block_type, std::remove_const_t<Block>>,
                "got a view of other blocks than the quantizer makes");
  auto const need = shape_for<Quantizer, ScaleLayout>(original.extent(0), original.extent(1));
  if (quantized.rows() != need.rows || quantized.columns() != need.columns) {
    return status::shape_mismatch;
  }
  if (workspace.size() < compare_pieces) return status::workspace_too_small;
  matrix_index const groups =
      nibble::detail::ceil_div<matrix_index>(need.rows, Quantizer::group.rows) *
      nibble::detail::ceil_div<matrix_index>(need.columns, Quantizer::group.columns);
  matrix_index const pieces =
      nibble::detail::ceil_div<matrix_index>(groups, detail::threads_per_block);
  int const used = static_cast<int>(pieces < compare_pieces ? pieces : compare_pieces);
  if (used > 0) {
    auto const grid = static_cast<unsigned>(used);
    bool done = false;
    if constexpr (Quantizer::group.rows == 1) {
      if (original.extent(1) % Quantizer::group.columns == 0 && detail::has_wide_rows(original)) {
        detail::compare_groups<true, In, view, Quantizer>
            <<<grid, detail::threads_per_block, 0, stream.get()>>>(original, quantized, q,
                                                                   workspace.data());
        done = true;
      }
    }
    if (!done) {
      detail::compare_groups<false, In, view, Quantizer>
          <<<grid, detail::threads_per_block, 0, stream.get()>>>(original, quantized, q,
                                                                 workspace.data());
    }
  }
  if (cudaPeekAtLastError() != cudaSuccess) return status::launch_failed;
  detail::sum_reports<<<1, detail::threads_per_block, 0, stream.get()>>>(
      static_cast<error_report const*>(workspace.data()), used, result);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace nibble::device
