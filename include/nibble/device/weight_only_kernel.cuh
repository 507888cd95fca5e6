// SPDX-License-Identifier: Apache-2.0
// The kernel of weight_only.cuh that any GPU and any x takes: a few rows of x, straight from memory,
// against quantized weights, which are decoded in registers as the tensor cores' 16 rows.
#pragma once

#include "nibble/device/weight_only_step.cuh"

namespace nibble::device::detail {

/// A block of threads makes 16 rows of W by 8 Wide rows of x, a warp one slice of the columns; the
/// slices' sums are added in their order.
template <int Wide, bool Whole, class In, class W, class Out, class AlphaOf>
__global__ void __launch_bounds__(32 * few_slices, Wide == 1   ? 3
                                                   : Wide == 2 ? 2
                                                               : 1)
    weight_only(In x, W w, Out out, AlphaOf alpha_of, epilogue e) {
  using value_type = std::remove_cv_t<typename In::value_type>;
  using eight = few_eight<value_type>;
  using block = typename W::block_type;
  using source_type = few_source<block, typename W::scale_layout>;
  constexpr int tall = 16, wide = 8 * Wide;
  constexpr int stages = Whole ? 3 : 1;  // steps ahead: enough bytes for the memory's latency
  __shared__ float partial[few_slices][wide][tall + 1];
  int const warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  int const g = lane / 4, t = lane % 4;
  matrix_index const first_row = static_cast<matrix_index>(blockIdx.x) * tall;
  matrix_index const first_x = static_cast<matrix_index>(blockIdx.y) * wide;
  auto const columns = static_cast<int>(w.columns());
  int const steps = few_per_slice(columns);

  int column = few_step * warp * steps + 32 * t;  // this lane's columns of a step: 32 from here on
  int const end = few_step * (warp + 1) * steps < columns ? few_step * (warp + 1) * steps : columns;
  source_type source(w, first_row, warp * steps);
  typename source_type::weights ring[stages] = {};
  auto const fetch = [&](int stage, int at) {
    if constexpr (Whole) {
      source.fetch(ring[stage], stage, at < end);
    } else {
      fetch_any(ring[stage], w, first_row, at);
    }
  };
#pragma unroll
  for (int stage = 0; stage < stages; ++stage) fetch(stage, column + stage * few_step);

  value_type const* of_x[Wide];  // rows past the end repeat the last one too
#pragma unroll
  for (int n = 0; n < Wide; ++n) {
    matrix_index const row = first_x + 8 * n + g;
    of_x[n] = x.data_handle() + (row < x.extent(0) ? row : x.extent(0) - 1) * x.stride(0) +
              column * x.stride(1);
  }
  matrix_index const step_of_x = Whole ? 1 : x.stride(1);
  float sums[Wide][4] = {};

  auto const multiply = [&](typename source_type::weights const& now, int ahead) {
    eight values[Wide][4];
#pragma unroll
    for (int n = 0; n < Wide; ++n) {
      value_type const* const from = of_x[n] + ahead * step_of_x;
      bool const is_full = Whole && column - 32 * t + ahead + few_step <= columns;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        values[n][i] = is_full ? load_eight<Whole>(from + 8 * i, 1, 8)
                               : load_eight<Whole>(from + 8 * i * step_of_x, step_of_x,
                                                   columns - column - ahead - 8 * i);
      }
    }
    multiply_step<eight>(sums, now, [&](int i, std::uint32_t(&pairs)[Wide][eight::parts][4]) {
#pragma unroll
      for (int n = 0; n < Wide; ++n) values[n][i].to_pairs(pairs[n]);
    });
  };
#pragma unroll 1
  for (int step = 0; step < steps; step += stages) {
    source.advance(stages);
#pragma unroll
    for (int stage = 0; stage < stages; ++stage) {
      if (stage > 0 && step + stage >= steps) break;
      multiply(ring[stage], stage * few_step);
      fetch(stage, column + (stages + stage) * few_step);
    }
    column += stages * few_step;
#pragma unroll
    for (int n = 0; n < Wide; ++n) of_x[n] += stages * few_step * step_of_x;
  }

#pragma unroll
  for (int n = 0; n < Wide; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      partial[warp][8 * n + 2 * t + i % 2][g + 8 * (i / 2)] = sums[n][i];
    }
  }
  __syncthreads();
  for (int o = static_cast<int>(threadIdx.x); o < tall * wide; o += 32 * few_slices) {
    matrix_index const row = first_row + o % tall, at_x = first_x + o / tall;
    if (row >= w.rows() || at_x >= x.extent(0)) continue;
    float sum = 0.0f;
    for (auto const& of_slice : partial) sum = arch::add(sum, of_slice[o / tall][o % tall]);
    finish_sum<eight>(sum, at_x, row, w, out, alpha_of(w.amax_of(row, 0)), e);
  }
}

}  // namespace nibble::device::detail
