// SPDX-License-Identifier: Apache-2.0
// The kernel of weight_only.cuh: a few rows of 16-bit x against quantized weights, which are decoded
// in registers as the tensor cores' 16 rows.
#pragma once

#include "nibble/device/group.cuh"
#include "nibble/epilogue.hpp"
#include "nibble/mma/load.cuh"
#include "nibble/mma/sixteen_bit.cuh"

namespace nibble::device::detail {

inline constexpr int few_warps = 8;   // of a block of threads: they share the columns
inline constexpr int few_step = 128;  // columns a warp takes at once
inline constexpr int few_rows = 32;   // of x that one pass over W serves

/// A step of a warp's weights in shared memory: rows of 64 bytes whose four pieces are permuted, so
/// that eight rows lie in different banks, and the rows' eight scales.
template <int Rows>
struct few_weights {
  uint4 codes[Rows][4];
  uint2 scales[Rows];

  __device__ __forceinline__ uint4& piece(int row, int i) { return codes[row][i ^ (row / 2 % 4)]; }
};

/// Bytes from one row and one step to the next, where the launcher found the weights to be vectors.
struct few_strides {
  matrix_index code_row, scale_step;
};

/// What a lane brings of each step: a piece of Rows / 8 rows, and half the scales of Rows / 16.
/// Rows past the end repeat the last one (nobody writes their sums), columns past it are zeros.
template <int Rows>
struct few_source {
  std::uint8_t const* codes;
  std::uint8_t const* scales;
  std::uint32_t code_offsets[Rows / 8];  // from the first row's; 32 bits keep the loop short
  std::uint32_t scale_offsets[Rows / 16];

  template <class W>
  __device__ __forceinline__ few_source(W const& w, matrix_index first_row, few_strides strides)
      : codes(w.codes.data_handle().bytes + first_row * strides.code_row),
        scales(reinterpret_cast<std::uint8_t const*>(w.scales.data_handle())) {
    int const lane = static_cast<int>(threadIdx.x) % 32;
    auto const last =
        static_cast<int>(w.rows() - 1 - first_row < Rows ? w.rows() - 1 - first_row : Rows);
    for (int j = 0; j < Rows / 8; ++j) {
      int const r = lane / 4 + 8 * j < last ? lane / 4 + 8 * j : last;
      code_offsets[j] = static_cast<std::uint32_t>(r * strides.code_row) + 16u * (threadIdx.x % 4);
    }
    for (int j = 0; j < Rows / 16; ++j) {
      int const r = lane / 2 + 16 * j < last ? lane / 2 + 16 * j : last;
      auto const at = w.scales.mapping()((first_row + r) / w.rows_per_scale(), 0);
      scale_offsets[j] = static_cast<std::uint32_t>(at + lane % 2 * (strides.scale_step / 2));
    }
  }

  __device__ __forceinline__ void fetch([[maybe_unused]] few_weights<Rows>& to, matrix_index step,
                                        matrix_index columns, few_strides strides) const {
#if NIBBLE_HAS_MMA_F16
    int const lane = static_cast<int>(threadIdx.x) % 32;
    auto const left = static_cast<int>(
        columns - few_step * step < few_step ? columns - few_step * step : few_step);
    std::uint32_t const code_bytes = 32 * (lane % 4) < left ? 16 : 0;
    std::uint32_t const scale_bytes = 64 * (lane % 2) < left ? 4 : 0;
    std::uint8_t const* const step_codes = codes + step * (few_step / 2);
    std::uint8_t const* const step_scales = scales + step * strides.scale_step;
#pragma unroll
    for (int j = 0; j < Rows / 8; ++j) {
      arch::ptx::cp_async_16(&to.piece(lane / 4 + 8 * j, lane % 4), step_codes + code_offsets[j],
                             code_bytes);
    }
#pragma unroll
    for (int j = 0; j < Rows / 16; ++j) {
      auto* const target = reinterpret_cast<std::uint32_t*>(&to.scales[lane / 2 + 16 * j]);
      arch::ptx::cp_async_4(target + lane % 2, step_scales + scale_offsets[j], scale_bytes);
    }
#endif
  }
};

/// The same step by ordinary loads, for any alignment and any shape.
template <int Rows, class W>
__device__ __forceinline__ void fetch_any(few_weights<Rows>& to, W const& w, matrix_index first_row,
                                          matrix_index step) {
  int const lane = static_cast<int>(threadIdx.x) % 32;
  for (int i = lane; i < Rows * 4; i += 32) {
    matrix_index const row = first_row + i / 4, first = few_step * step + 32 * (i % 4);
    to.piece(i / 4, i % 4) = {mma::load_codes(w, row, first), mma::load_codes(w, row, first + 8),
                              mma::load_codes(w, row, first + 16),
                              mma::load_codes(w, row, first + 24)};
  }
  for (int i = lane; i < Rows * 2; i += 32) {
    reinterpret_cast<std::uint32_t*>(&to.scales[i / 2])[i % 2] =
        mma::load_scales(w, first_row + i / 2, few_step * step / 16 + 4 * (i % 2));
  }
}

/// Eight elements of a row of x from `from` on as pairs (j, j + 4), the order in which codes are
/// decoded; `left` of them are there, and zeros beyond: all or none of them if Whole.
template <bool Whole, class T>
__device__ __forceinline__ void load_eight(T const* from, matrix_index step, matrix_index left,
                                           std::uint32_t (&pairs)[4]) {
  uint4 v{};
  if constexpr (Whole) {
    if (left >= 8) v = __ldg(reinterpret_cast<uint4 const*>(from));
  } else {
    std::uint32_t words[4] = {};
    for (int i = 0; i < 8 && i < left; ++i) {
      words[i / 2] |= static_cast<std::uint32_t>(from[i * step].bits()) << (i % 2 * 16);
    }
    v = {words[0], words[1], words[2], words[3]};
  }
  pairs[0] = __byte_perm(v.x, v.z, 0x5410);
  pairs[1] = __byte_perm(v.x, v.z, 0x7632);
  pairs[2] = __byte_perm(v.y, v.w, 0x5410);
  pairs[3] = __byte_perm(v.y, v.w, 0x7632);
}

/// Steps of weights under way a warp: enough bytes for the memory's latency, and room in the L1 cache
/// for x.
inline constexpr int few_stages = 3;

/// Shared memory of a block of threads: the weights on their way, then the partial sums.
template <int Tall, int Wide>
inline constexpr std::size_t few_memory = [] {
  std::size_t const weights = sizeof(few_weights<16 * Tall>) * few_warps * few_stages;
  std::size_t const sums = sizeof(float) * few_warps * (8 * Wide) * (16 * Tall + 1);
  return weights > sums ? weights : sums;
}();

/// A block of threads makes 16 Tall rows of W by 8 Wide rows of x. Warp w takes steps w, w + 8, ...
/// of the columns; the eight partial sums are added in the order of the warps.
template <int Tall, int Wide, bool Whole, class In, class W, class Out, class AlphaOf>
__global__ void __launch_bounds__(32 * few_warps, 2)
    weight_only(In x, W w, Out out, few_strides strides, AlphaOf alpha_of, epilogue e) {
  using value_type = std::remove_cv_t<typename In::value_type>;
  constexpr int tall = 16 * Tall, wide = 8 * Wide;
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
#if NIBBLE_HAS_MMA_F16
    arch::ptx::cp_async_wait<few_stages - 2>();
#endif
    __syncwarp();
    few_weights<tall>& now = ring[current];
    current = current + 1 < few_stages ? current + 1 : 0;
    fetch(step + few_warps * (few_stages - 1));

    // Word i of a lane covers columns 32 i + 8 t to 32 i + 8 t + 7, of scale 2 i + t / 2.
    matrix_index const first = few_step * step, left_over = x.extent(1) - first - 8 * t;
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
    auto const multiply = [&](auto is_full) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        std::uint32_t right[Wide][4];
#pragma unroll
        for (int n = 0; n < Wide; ++n) {
          load_eight<Whole>(of_x[n] + (first + 32 * i) * step_of_x, step_of_x,
                            is_full.value ? 8 : left_over - 32 * i, right[n]);
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
    if (first + few_step <= x.extent(1)) {
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
