// SPDX-License-Identifier: Apache-2.0
// The kernel of weight_only.cuh: a few rows of x against quantized weights, which are decoded
// in registers as the tensor cores' 16 rows.
#pragma once

#include "nibble/device/weight_only_source.cuh"
#include "nibble/epilogue.hpp"

namespace nibble::device::detail {

/// Steps of weights that a warp asks for ahead: enough bytes for the memory's latency.
template <int Tall, bool Whole>
inline constexpr int few_stages = !Whole      ? 1
                                  : Tall == 1 ? 3
                                              : 2;

/// How many blocks of threads share an SM: as many as the registers of their weights, x and sums allow.
template <int Tall, int Wide>
inline constexpr int few_blocks = Tall == 1 && Wide == 1   ? 3
                                  : Tall <= 2 && Wide <= 2 ? 2
                                                           : 1;

/// A block of threads makes 16 Tall rows of W by 8 Wide rows of x. Warp w takes steps w, w + 8, ...
/// of the columns; the eight partial sums are added in the order of the warps.
template <int Tall, int Wide, bool Whole, class In, class W, class Out, class AlphaOf>
__global__ void __launch_bounds__(32 * few_warps, few_blocks<Tall, Wide>)
    weight_only(In x, W w, Out out, AlphaOf alpha_of, epilogue e) {
  using value_type = std::remove_cv_t<typename In::value_type>;
  using eight = few_eight<value_type>;
  using block = typename W::block_type;
  using source_type = few_source<block, typename W::scale_layout, Tall>;
  using decoder = few_decoder<block, typename eight::operand>;
  constexpr int tall = 16 * Tall, wide = 8 * Wide, stages = few_stages<Tall, Whole>;
  __shared__ float partial[few_warps][wide][tall + 1];
  int const warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  int const g = lane / 4, t = lane % 4;
  matrix_index const first_row = static_cast<matrix_index>(blockIdx.x) * tall;
  matrix_index const first_x = static_cast<matrix_index>(blockIdx.y) * wide;
  auto const columns = static_cast<int>(w.columns());
  int const steps = nibble::detail::ceil_div(columns, few_step);

  // This lane's columns of a step: 32 from here on.
  int column = few_step * warp + 32 * t;
  constexpr int stride = few_step * few_warps;  // from a step of this warp's to its next
  source_type source(w, first_row, warp);
  typename source_type::weights ring[stages] = {};
  auto const fetch = [&](int stage, int at) {
    if constexpr (Whole) {
      source.fetch(ring[stage], few_warps * stage, at < columns);
    } else {
      fetch_any(ring[stage], w, first_row, at);
    }
  };
#pragma unroll
  for (int stage = 0; stage < stages; ++stage) fetch(stage, column + stage * stride);

  value_type const* of_x[Wide];  // rows past the end repeat the last one too
#pragma unroll
  for (int n = 0; n < Wide; ++n) {
    matrix_index const row = first_x + 8 * n + g;
    of_x[n] = x.data_handle() + (row < x.extent(0) ? row : x.extent(0) - 1) * x.stride(0) +
              column * x.stride(1);
  }
  matrix_index const step_of_x = Whole ? 1 : x.stride(1);
  float sums[Tall][Wide][4] = {};

  auto const multiply = [&](typename source_type::weights const& now, int ahead) {
    eight values[Wide][4];
#pragma unroll
    for (int n = 0; n < Wide; ++n) {
      value_type const* const from = of_x[n] + ahead * step_of_x;
      if (Whole && column - 32 * t + ahead + few_step <= columns) {
#pragma unroll
        for (int i = 0; i < 4; ++i) values[n][i] = load_eight<Whole>(from + 8 * i, 1, 8);
      } else {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          values[n][i] = load_eight<Whole>(from + 8 * i * step_of_x, step_of_x,
                                           columns - column - ahead - 8 * i);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      std::uint32_t right[Wide][eight::parts][4];
#pragma unroll
      for (int n = 0; n < Wide; ++n) values[n][i].to_pairs(right[n]);
#pragma unroll
      for (int m = 0; m < Tall; ++m) {
        std::uint32_t left[2][4];
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          uint4 const& codes = now.codes[2 * m + h];
          std::uint32_t const words[4] = {codes.x, codes.y, codes.z, codes.w};
          decoder(now.scales[2 * m + h]).decode(words[i], i, left[h]);
        }
#pragma unroll
        for (int pair = 0; pair < 4; pair += 2) {
          std::uint32_t const a[4] = {left[0][pair], left[1][pair], left[0][pair + 1],
                                      left[1][pair + 1]};
#pragma unroll
          for (int n = 0; n < Wide; ++n) {
#pragma unroll
            for (int part = 0; part < eight::parts; ++part) {
              mma::multiply_sixteen<typename eight::operand>(sums[m][n], a, right[n][part][pair],
                                                             right[n][part][pair + 1]);
            }
          }
        }
      }
    }
  };
#pragma unroll 1
  for (int step = warp; step < steps; step += few_warps * stages) {
    source.advance(few_warps * stages);
#pragma unroll
    for (int stage = 0; stage < stages; ++stage) {
      if (stage > 0 && step + few_warps * stage >= steps) break;
      multiply(ring[stage], stage * stride);
      fetch(stage, column + (stages + stage) * stride);
    }
    column += stages * stride;
#pragma unroll
    for (int n = 0; n < Wide; ++n) of_x[n] += stages * stride * step_of_x;
  }

#pragma unroll
  for (int m = 0; m < Tall; ++m) {
#pragma unroll
    for (int n = 0; n < Wide; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        partial[warp][8 * n + 2 * t + i % 2][16 * m + g + 8 * (i / 2)] = sums[m][n][i];
      }
    }
  }
  __syncthreads();
  for (int o = static_cast<int>(threadIdx.x); o < tall * wide; o += 32 * few_warps) {
    matrix_index const row = first_row + o % tall, at_x = first_x + o / tall;
    if (row >= w.rows() || at_x >= x.extent(0)) continue;
    float sum = 0.0f;
    for (auto const& of_warp : partial) sum = arch::add(sum, of_warp[o / tall][o % tall]);
    sum = arch::multiply(sum, decoder::undo);
    float result = arch::multiply(alpha_of(w.amax_of(row, 0)), sum);
    if (e.beta != 0.0f) {
      result = arch::add(result, arch::multiply(e.beta, static_cast<float>(out(at_x, row))));
    }
    if (e.bias != nullptr) result = arch::add(result, e.bias[row]);
    out(at_x, row) = static_cast<std::remove_cv_t<typename Out::value_type>>(result);
  }
}

}  // namespace nibble::device::detail
