// SPDX-License-Identifier: Apache-2.0
// The kernel of weight_only.cuh: a few rows of 16-bit x against quantized weights, which are decoded
// in registers as the tensor cores' 16 rows.
#pragma once

#include "nibble/device/weight_only_source.cuh"
#include "nibble/epilogue.hpp"
#include "nibble/mma/sixteen_bit.cuh"

namespace nibble::device::detail {

/// Steps of weights under way a warp: enough bytes for the memory's latency, and room in the L1 cache
/// for x.
inline constexpr int few_stages = 3;

/// Shared memory of a block of threads: the weights on their way, then the partial sums.
template <int Tall, int Wide>
inline constexpr std::size_t few_memory = [] {
  std::size_t const on_the_way = sizeof(few_weights<16 * Tall>) * few_warps * few_stages;
  std::size_t const sums = sizeof(float) * few_warps * (8 * Wide) * (16 * Tall + 1);
  return on_the_way > sums ? on_the_way : sums;
}();

/// How many blocks of threads share an SM: as many as the registers of their x and sums allow.
template <int Tall, int Wide>
inline constexpr int few_blocks = Tall == 1 && Wide == 1 ? 3 : 2;

/// A block of threads makes 16 Tall rows of W by 8 Wide rows of x. Warp w takes steps w, w + 8, ...
/// of the columns; the eight partial sums are added in the order of the warps.
template <int Tall, int Wide, bool Whole, class In, class W, class Out, class AlphaOf>
__global__ void __launch_bounds__(32 * few_warps, few_blocks<Tall, Wide>)
    weight_only(In x, W w, Out out, few_strides strides, AlphaOf alpha_of, epilogue e) {
  using value_type = std::remove_cv_t<typename In::value_type>;
  constexpr int tall = 16 * Tall, wide = 8 * Wide;
  constexpr bool is_early = Whole && Wide == 1;
  extern __shared__ uint4 few_shared[];
  int const warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  int const g = lane / 4, t = lane % 4;
  auto* const ring = reinterpret_cast<few_weights<tall>*>(few_shared) + warp * few_stages;
  matrix_index const first_row = static_cast<matrix_index>(blockIdx.x) * tall;
  matrix_index const first_x = static_cast<matrix_index>(blockIdx.y) * few_rows;
  matrix_index const steps = nibble::detail::ceil_div<matrix_index>(w.columns(), few_step);

  int arriving = 0;
  few_source<tall> const source(w, first_row, strides);
  auto const fetch = [&](matrix_index step) {
    if (step < steps) {
      if constexpr (Whole) {
        source.fetch(ring[arriving], step, w.columns(), strides);
      } else {
        fetch_any(ring[arriving], w, first_row, step);
      }
    }
    arriving = arriving + 1 < few_stages ? arriving + 1 : 0;
#if NIBBLE_HAS_MMA_F16
    arch::ptx::cp_async_commit();
#endif
  };
  for (int i = 0; i < few_stages - 1; ++i) fetch(warp + few_warps * i);

  value_type const* of_x[Wide];  // rows past the end repeat the last one too
#pragma unroll
  for (int n = 0; n < Wide; ++n) {
    matrix_index const row = first_x + 8 * n + g;
    of_x[n] = x.data_handle() + (row < x.extent(0) ? row : x.extent(0) - 1) * x.stride(0) +
              8 * t * x.stride(1);
  }
  matrix_index const step_of_x = Whole ? 1 : x.stride(1);
  float sums[Tall][Wide][4] = {};
  int current = 0;
#pragma unroll 1
  for (matrix_index step = warp; step < steps; step += few_warps) {
    // Word i of a lane covers columns 32 i + 8 t to 32 i + 8 t + 7, of scale 2 i + t / 2.
    matrix_index const first = few_step * step, left_over = x.extent(1) - first - 8 * t;
    bool const is_full = first + few_step <= x.extent(1);
    auto const load_x = [&](int n, int i, bool no_edge) {
      return load_eight<Whole>(of_x[n] + (first + 32 * i) * step_of_x, step_of_x,
                               no_edge ? 8 : left_over - 32 * i);
    };
    // Few rows leave registers to ask for x before the wait for the weights.
    uint4 early[4];
    if constexpr (is_early) {
#pragma unroll
      for (int i = 0; i < 4; ++i) early[i] = is_full ? load_x(0, i, true) : load_x(0, i, false);
    }
#if NIBBLE_HAS_MMA_F16
    arch::ptx::cp_async_wait<few_stages - 2>();
#endif
    __syncwarp();
    few_weights<tall>& now = ring[current];
    current = current + 1 < few_stages ? current + 1 : 0;
    fetch(step + few_warps * (few_stages - 1));

    std::uint32_t scales[Tall][2][4];
#pragma unroll
    for (int m = 0; m < Tall; ++m) {
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        uint2 const eight = now.scales[16 * m + 8 * h + g];
        auto const pick = [&](std::uint32_t four, std::uint32_t(&pairs)[2]) {
          mma::scale_pairs<value_type>(
              static_cast<std::uint16_t>(__byte_perm(four, 0, t < 2 ? 0x4420 : 0x4431)), pairs);
        };
        std::uint32_t low[2], high[2];
        pick(eight.x, low);
        pick(eight.y, high);
        for (int i = 0; i < 2; ++i) {
          scales[m][h][i] = low[i];
          scales[m][h][2 + i] = high[i];
        }
      }
    }
    auto const multiply = [&](auto no_edge) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        std::uint32_t right[Wide][4];
#pragma unroll
        for (int n = 0; n < Wide; ++n) {
          pair_eight(is_early ? early[i] : load_x(n, i, no_edge.value), right[n]);
        }
#pragma unroll
        for (int m = 0; m < Tall; ++m) {
          std::uint32_t left[2][4];
#pragma unroll
          for (int h = 0; h < 2; ++h) {
            auto const* const words =
                reinterpret_cast<std::uint32_t const*>(&now.piece(16 * m + 8 * h + g, i));
            mma::decode_scaled<value_type>(words[t], scales[m][h][i], left[h]);
          }
#pragma unroll
          for (int part = 0; part < 4; part += 2) {
            std::uint32_t const a[4] = {left[0][part], left[1][part], left[0][part + 1],
                                        left[1][part + 1]};
#pragma unroll
            for (int n = 0; n < Wide; ++n) {
              mma::multiply_sixteen<value_type>(sums[m][n], a, right[n][part], right[n][part + 1]);
            }
          }
        }
      }
    };
    if (is_early || is_full) {
      multiply(std::true_type{});
    } else {
      multiply(std::false_type{});
    }
  }

  __syncthreads();
  auto* const partial = reinterpret_cast<float*>(few_shared);
  auto const cell = [&](int of_warp, int column, int row) -> float& {
    return partial[(of_warp * wide + column) * (tall + 1) + row];
  };
#pragma unroll
  for (int m = 0; m < Tall; ++m) {
#pragma unroll
    for (int n = 0; n < Wide; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        cell(warp, 8 * n + 2 * t + i % 2, 16 * m + g + 8 * (i / 2)) = sums[m][n][i];
      }
    }
  }
  __syncthreads();
  for (int o = static_cast<int>(threadIdx.x); o < tall * wide; o += 32 * few_warps) {
    matrix_index const row = first_row + o % tall, at_x = first_x + o / tall;
    if (row >= w.rows() || at_x >= x.extent(0)) continue;
    float sum = 0.0f;
    for (int i = 0; i < few_warps; ++i) sum = arch::add(sum, cell(i, o / tall, o % tall));
    sum = arch::multiply(sum, mma::undo_scaled<value_type>);
    float result = arch::multiply(alpha_of(w.amax_of(row, 0)), sum);
    if (e.beta != 0.0f) {
      result = arch::add(result, arch::multiply(e.beta, static_cast<float>(out(at_x, row))));
    }
    if (e.bias != nullptr) result = arch::add(result, e.bias[row]);
    out(at_x, row) = static_cast<std::remove_cv_t<typename Out::value_type>>(result);
  }
}

}  // namespace nibble::device::detail
